//! The body of `POST /bulk-actions`.

use anyhow::{Result, ensure};
use serde_json::{Map, Value as Json, json};

use super::{Channel, Dedupe, Routing, Send};

/// What the command line asks for.
pub(super) fn body(send: &Send) -> Result<Json> {
    let mut body = json!({"type": "send_message", "messages": messages(send)?});
    if send.to.is_empty() {
        let mut matching = json!({});
        set(&mut matching, "unit_id", send.unit.as_deref());
        set(&mut matching, "q", send.q.as_deref());
        body["selection"] = json!({"all_matching": matching});
    } else {
        body["target_ids"] = json!(send.to);
    }
    let routing = send.routing.map(|routing| match routing {
        Routing::All => "all",
        Routing::FirstReachable => "first_reachable",
    });
    let dedupe = send.dedupe.map(|dedupe| match dedupe {
        Dedupe::None => "none",
        Dedupe::Address => "address",
    });
    set(&mut body, "routing", routing);
    set(&mut body, "dedupe", dedupe);
    set(&mut body, "schedule_at", send.at.as_deref());
    set(&mut body, "expires_at", send.expires.as_deref());
    Ok(body)
}

fn set(object: &mut Json, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        object[name] = value.into();
    }
}

fn messages(send: &Send) -> Result<Vec<Json>> {
    let both = send.body.is_some() && send.template.is_some();
    ensure!(
        !both || (send.channels.contains(&Channel::Whatsapp) && send.channels.len() > 1),
        "--body and --template together say what goes out on WhatsApp (the template) and on another channel (the text): \
         name whatsapp and another --channel, or give one of the two"
    );
    ensure!(
        send.subject.is_none() || send.channels.contains(&Channel::Email),
        "--subject is for emails; send with --channel email, too, or leave it out"
    );
    Ok(send.channels.iter().map(|channel| message(send, *channel, both)).collect())
}

fn message(send: &Send, channel: Channel, both: bool) -> Json {
    let mut message = json!({"channel": channel.as_str()});
    if send.template.is_some() && (!both || channel == Channel::Whatsapp) {
        set(&mut message, "template_id", send.template.as_deref());
        let parameters: Map<String, Json> =
            send.parameters.iter().map(|(key, value)| (key.clone(), Json::from(value.as_str()))).collect();
        if !parameters.is_empty() {
            message["parameters"] = Json::Object(parameters);
        }
    } else {
        set(&mut message, "body", send.body.as_deref());
    }
    if channel == Channel::Email {
        set(&mut message, "subject", send.subject.as_deref());
    }
    message
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

    /// The body for a line of words, in which `~` stands for a space within a word.
    fn asked(line: &str) -> Result<Json> {
        let words = line.split(' ').map(|word| word.replace('~', " "));
        body(&Line::try_parse_from(std::iter::once("send".to_owned()).chain(words))?.send)
    }

    #[test]
    fn everybody_gets_a_text() {
        assert_eq!(
            asked("--channel sms --body Hi --all").unwrap(),
            json!({
                "type": "send_message", "messages": [{"channel": "sms", "body": "Hi"}],
                "selection": {"all_matching": {}},
            })
        );
    }

    #[test]
    fn some_get_a_template_with_its_parameters() {
        assert_eq!(
            asked("--channel whatsapp --template t --parameter 1=a=b --parameter 2= --to m1,m2").unwrap(),
            json!({
                "type": "send_message", "target_ids": ["m1", "m2"],
                "messages": [{"channel": "whatsapp", "template_id": "t", "parameters": {"1": "a=b", "2": ""}}],
            })
        );
    }

    #[test]
    fn a_selection_names_what_its_members_match() {
        let selection =
            |line: &str| asked(&format!("--channel sms --body Hi {line}")).unwrap()["selection"].take();
        assert_eq!(selection("--unit choir"), json!({"all_matching": {"unit_id": "choir"}}));
        assert_eq!(
            selection("--unit choir --q van~Dijk"),
            json!({"all_matching": {"unit_id": "choir", "q": "van Dijk"}})
        );
    }

    #[test]
    fn times_routing_and_dedupe_are_passed_on() {
        let line = "--channel sms --body Hi --to m1 --at 2026-12-01T22:00:00+13:00 --expires 2026-12-01T12:00:00Z --dedupe";
        assert_eq!(
            asked(line).unwrap(),
            json!({
                "type": "send_message", "target_ids": ["m1"], "messages": [{"channel": "sms", "body": "Hi"}],
                "schedule_at": "2026-12-01T09:00:00Z", "expires_at": "2026-12-01T12:00:00Z", "dedupe": "address",
            })
        );
        assert_eq!(asked("--channel sms --body Hi --all --dedupe none").unwrap()["dedupe"], "none");
    }

    #[test]
    fn on_several_channels_whatsapp_gets_the_template_and_email_the_subject() {
        let line = "--channel whatsapp,sms --channel email --routing first_reachable --template t --body Hi --subject S";
        let body = asked(&format!("{line} --to m1")).unwrap();
        assert_eq!(body["routing"], "first_reachable");
        assert_eq!(
            body["messages"],
            json!([
                {"channel": "whatsapp", "template_id": "t"}, {"channel": "sms", "body": "Hi"},
                {"channel": "email", "body": "Hi", "subject": "S"},
            ])
        );
    }

    #[test]
    fn what_no_channel_could_use_is_refused() {
        for (line, says) in [
            ("--channel sms --body Hi --template t --all", "WhatsApp"),
            ("--channel whatsapp --body Hi --template t --all", "WhatsApp"),
            ("--channel sms,email --body Hi --template t --all", "WhatsApp"),
            ("--channel sms --body Hi --subject S --all", "--subject is for emails"),
        ] {
            let error = asked(line).unwrap_err().to_string();
            assert!(error.contains(says), "{line}: {error}");
        }
    }
}
