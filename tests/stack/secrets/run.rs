//! A run in which everything that must stay secret goes through the stack, also on the paths that fail.

use std::path::{Path, PathBuf};
use std::time::Duration;

use local::jwt::Grant;
use local::template::Template;
use local::{Binaries, Stack, StackOptions};
use serde_json::{Value, json};

use crate::client::Client;
use crate::shorten_windows;

/// The numbers of the run, one for each behaviour of the simulated providers; the last four digits say which.
pub(super) const PHONES: [&str; 6] =
    ["+64215638800", "+64215630001", "+64215630002", "+64215630003", "+64215630004", "+64215630005"];
pub(super) const STRANGER: &str = "+64215637788";
pub(super) const TEXT: &str = "Bring the purple umbrella";
pub(super) const SUBJECT: &str = "Confidential gathering";
pub(super) const NOTE: &str = "allergic to walnuts & \"figs\"";
pub(super) const ANSWER: &str = "My grandmother is ill";
pub(super) const FIRST: &str = "Zébulonia";
pub(super) const LAST: &str = "Quackenbush";
pub(super) const UNIT: &str = "Nightingale Choir";

pub(super) fn email(number: usize) -> String {
    let endings = ["0100", "0001", "0002", "0003", "0004", "0006"];
    format!("zebulonia.quackenbush+{}@parish-of-secrets.example.org", endings[number])
}

/// The template with the most verbose level of logs that it allows.
fn verbose_template(folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("template.yaml")).expect("the template is there");
    let (before, level) =
        text.split_once("  LogLevel:\n    Type: String\n    Default: INFO\n").expect("a level");
    assert!(level.starts_with("    AllowedValues: [TRACE,"), "TRACE is the most verbose level");
    let text = format!("{before}  LogLevel:\n    Type: String\n    Default: TRACE\n{level}");
    std::fs::create_dir(folder.join("infra")).expect("a folder");
    let description = root.join("infra/openapi.yaml");
    std::fs::copy(description, folder.join("infra/openapi.yaml")).expect("a copy of the description");
    let path = folder.join("template.yaml");
    std::fs::write(&path, text).expect("the template is written");
    path
}

/// A run of the stack.
pub(super) struct Run {
    pub(super) stack: Stack,
    pub(super) client: Client,
    http: reqwest::Client,
    pub(super) token: String,
}

impl Run {
    pub(super) async fn start(folder: &Path) -> Self {
        let template = verbose_template(folder);
        let options = StackOptions {
            seed: true,
            binaries: Binaries::Build,
            template,
            ..StackOptions::new(folder.join("data"))
        };
        let stack = Stack::start(options).await.expect("the stack starts");
        let client = Client::of(&stack);
        let grant = Grant {
            org_id: "demo".into(),
            sub: "tester".into(),
            permissions: vec!["members.edit".into(), "messaging.send".into(), "messaging.view".into()],
            ttl: Duration::from_hours(1),
        };
        let token = stack.token(&grant).expect("a token");
        let http = channels::http_client().expect("a client");
        Self { stack, client, http, token }
    }

    /// Any request; answers its status and text.
    pub(super) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> (u16, String) {
        let url = format!("{}{path}", self.stack.base_url());
        let mut request = self.http.request(method.parse().expect("a method"), url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("the stack answers");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    pub(super) fn secret(&self, name: &str) -> Value {
        let path = self.stack.data().path().join("secrets.json");
        let secrets = std::fs::read_to_string(path).expect("the secrets are there");
        serde_json::from_str::<Value>(&secrets).expect("JSON")[name].clone()
    }

    pub(super) async fn set_up(&self) {
        shorten_windows(&self.client).await;
        let members: Vec<Value> = PHONES
            .iter()
            .enumerate()
            .map(|(number, phone)| json!({
                "id": format!("s{number}"), "first_names": FIRST, "last_names": LAST, "primary_phone": phone,
                "email": email(number), "unit": { "id": "u", "name": UNIT }, "fields": { "note": NOTE },
            }))
            .collect();
        self.client.post("/members/import", json!({ "members": members }), 200).await;
    }

    /// Sends on every channel, with providers that accept, refuse, stumble and lose their answers.
    pub(super) async fn send(&self) {
        let ids: Vec<String> = (0..PHONES.len()).map(|number| format!("s{number}")).collect();
        let text = format!("{TEXT}, {{{{member.first_names}}}}: {{{{member.fields.note}}}}");
        let parameters = json!({ "1": "{{member.first_names}} {{member.last_names}}", "2": TEXT });
        let messages = json!([
            { "channel": "sms", "body": text },
            { "channel": "email", "subject": SUBJECT, "body": text, "html": format!("<p>{text}</p>") },
            { "channel": "whatsapp", "template_id": "service_reminder", "parameters": parameters },
        ]);
        let body = json!({ "type": "send_message", "target_ids": ids, "messages": messages });
        self.client.post("/bulk-actions/preview", body.clone(), 200).await;
        let mut actions = Vec::new();
        for behaviour in
            [json!({}), json!({ "error_rate": 0.5, "timeout_after_accept_rate": 0.3, "seed": 3 })]
        {
            for provider in ["twilio", "whatsapp", "ses"] {
                let mut behaviour = behaviour.clone();
                behaviour["provider"] = provider.into();
                self.client.put("/sim/behaviour", behaviour).await;
            }
            let action = self.client.post("/bulk-actions", body.clone(), 202).await;
            actions.push(action["id"].as_str().expect("an id").to_owned());
        }
        for id in &actions {
            let action = self.client.settled(id).await;
            assert!(action["failed_count"].as_u64() > Some(0), "some are refused: {action}");
        }
        for provider in ["twilio", "whatsapp", "ses"] {
            let quiet = json!({ "provider": provider, "error_rate": 0, "timeout_after_accept_rate": 0 });
            self.client.put("/sim/behaviour", quiet).await;
        }
    }

    /// Members and strangers write, on both channels, with keywords among it.
    pub(super) async fn write(&self) {
        let senders = [("sms", "+64212419999"), ("whatsapp", "106540352242922")];
        for (channel, to) in senders {
            for (from, text) in
                [(PHONES[0], ANSWER), (STRANGER, ANSWER), (STRANGER, "STOP"), (STRANGER, "START")]
            {
                self.client
                    .post(
                        "/sim/inbound",
                        json!({ "channel": channel, "from": from, "to": to, "text": text }),
                        200,
                    )
                    .await;
            }
        }
        let inbox = self.client.get("/conversations").await;
        let id = inbox["items"][0]["id"].as_str().expect("a conversation").to_owned();
        self.client.post(&format!("/conversations/{id}/messages"), json!({ "body": ANSWER }), 202).await;
    }

    /// Every item of every table as text, and of each item the attributes that keys are made of.
    pub(super) async fn items(&self, folder: &Path) -> Vec<(String, String)> {
        let parameters =
            ["PublicBaseUrl", "JwtIssuer", "JwtAudience", "Stage"].map(|name| (name, "local".to_owned()));
        let template =
            Template::read(&folder.join("template.yaml"), &parameters.into()).expect("the template is read");
        let mut all = Vec::new();
        for table in template.tables().expect("tables") {
            let scan = self.stack.clients().dynamodb.scan().table_name(&table.name);
            let mut pages = scan.into_paginator().items().send();
            while let Some(item) = pages.next().await {
                let item = item.expect("the engine answers");
                let keys: Vec<_> = table.attributes.iter().filter_map(|(name, _)| item.get(name)).collect();
                all.push((format!("{item:?}").to_lowercase(), format!("{keys:?}").to_lowercase()));
            }
        }
        all
    }
}
