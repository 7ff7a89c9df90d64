//! `send`: a bulk send through the HTTP API of the running stack, watched to its end.

mod summary;
mod watch;

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value as Json, json};

use super::{DEFAULT_PORT, Data};
use crate::{
    api::Api,
    data::DataFolder,
    jwt::{Grant, Keys},
};

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("text").required(true).args(["body", "template"])))]
#[command(group(clap::ArgGroup::new("recipients").required(true).args(["all", "to"])))]
pub(super) struct Send {
    /// How to send.
    #[arg(long, value_enum)]
    channel: Channel,
    /// The text; it may hold variables such as `{{member.first_names}}`.
    #[arg(long)]
    body: Option<String>,
    /// A template's id instead of a text.
    #[arg(long, value_name = "ID")]
    template: Option<String>,
    /// A value for a parameter of the template; once for each.
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = parse_parameter, requires = "template")]
    parameters: Vec<(String, String)>,
    /// The subject of an email.
    #[arg(long)]
    subject: Option<String>,
    /// To every member.
    #[arg(long)]
    all: bool,
    /// To these members, by id.
    #[arg(long, value_name = "ID,ID", value_delimiter = ',')]
    to: Vec<String>,
    /// The port of the running stack.
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// The organisation that sends.
    #[arg(long, default_value = "demo")]
    org: String,
    #[command(flatten)]
    data: Data,
    /// Exit with 1 unless everything was delivered, whatever the reason.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Channel {
    Whatsapp,
    Sms,
    Email,
}

impl Channel {
    fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

const PERMISSIONS: &[&str] =
    &["members.edit", "members.view", "messaging.send", "messaging.view", "messaging.manage"];

pub(super) async fn run(send: &Send) -> Result<ExitCode> {
    let keys = Keys::load(&DataFolder::open(&send.data.data)?)?;
    let token = keys.sign(&Grant {
        org_id: send.org.clone(),
        sub: "command-line".into(),
        permissions: PERMISSIONS.iter().map(|name| (*name).to_owned()).collect(),
        ttl: Duration::from_hours(24),
    })?;
    let api = Api::new(format!("http://127.0.0.1:{}", send.port), token)?;
    let created = api.post("/bulk-actions", &request(send)).await?;
    let Some(id) = created["id"].as_str() else { bail!("the answer to POST /bulk-actions has no id") };
    eprintln!("bulk action {id}");
    let action = watch::until_settled(&api, id).await?;
    let counts = summary::failure_counts(&api, id).await?;
    print!("{}", summary::text(&action, &counts));
    Ok(if summary::is_good(&action, &counts, send.strict) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn request(send: &Send) -> Json {
    let mut message = json!({"channel": send.channel.as_str()});
    let mut set = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            message[name] = value;
        }
    };
    set("body", send.body.clone().map(Json::from));
    set("template_id", send.template.clone().map(Json::from));
    set("subject", send.subject.clone().map(Json::from));
    let parameters: Map<String, Json> =
        send.parameters.iter().map(|(key, value)| (key.clone(), Json::from(value.as_str()))).collect();
    set("parameters", (!parameters.is_empty()).then_some(Json::Object(parameters)));
    let mut body = json!({"type": "send_message", "messages": [message]});
    if send.all {
        body["selection"] = json!({"all_matching": {}});
    } else {
        body["target_ids"] = json!(send.to);
    }
    body
}

fn parse_parameter(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => bail!("a parameter is KEY=VALUE"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        send: Send,
    }

    fn body(line: &[&str]) -> Json {
        request(&Line::try_parse_from(std::iter::once(&"send").chain(line)).unwrap().send)
    }

    #[test]
    fn everybody_gets_a_text() {
        assert_eq!(
            body(&["--channel", "sms", "--body", "Hi", "--all"]),
            json!({
                "type": "send_message", "messages": [{"channel": "sms", "body": "Hi"}],
                "selection": {"all_matching": {}},
            })
        );
    }

    #[test]
    fn some_get_a_template_with_its_parameters() {
        let line = [
            "--channel",
            "whatsapp",
            "--template",
            "t",
            "--parameter",
            "1=a=b",
            "--parameter",
            "2=",
            "--to",
            "m1,m2",
        ];
        assert_eq!(
            body(&line),
            json!({
                "type": "send_message", "target_ids": ["m1", "m2"],
                "messages": [{"channel": "whatsapp", "template_id": "t", "parameters": {"1": "a=b", "2": ""}}],
            })
        );
    }
}
