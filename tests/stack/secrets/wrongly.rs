//! The parts of the run that fail, with personal data and credentials in every place.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::run::{ANSWER, FIRST, NOTE, Run, STRANGER, TEXT, email};
use super::sign;

/// A credential that opens nothing.
pub(super) const WRONG: &str = "0badc0ffee0badc0ffee0badc0ffee00";

impl Run {
    /// Requests that are refused, with personal data in every part of them.
    pub(super) async fn ask_wrongly(&self) -> Vec<String> {
        let bearer = format!("Bearer {}", self.token);
        let forged = format!("{}x", self.token);
        let forged_bearer = format!("Bearer {forged}");
        let authorized = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let address = email(0);
        let half = format!("{{\"first_names\":\"{FIRST}\",\"email\":\"{address}\"");
        let row =
            json!({ "id": address, "first_names": FIRST, "email": address, "colour": NOTE }).to_string();
        let single =
            json!({ "member_id": "s0", "channel": "sms", "body": format!("{TEXT} {{{{member.x}}}}") })
                .to_string();
        for (method, path, headers, body) in [
            ("GET", "/members?limit=200", vec![("authorization", forged_bearer.as_str())], String::new()),
            ("PUT", "/members/s9", authorized.into(), half.clone()),
            ("PUT", "/members/s9", authorized.into(), row.clone()),
            ("PUT", &format!("/members/{address}"), authorized.into(), row.clone()),
            (
                "POST",
                "/members/import",
                vec![authorized[0], ("content-type", "application/x-ndjson")],
                half.clone(),
            ),
            (
                "POST",
                "/members/import",
                vec![authorized[0], ("content-type", "text/csv")],
                format!("{address},{FIRST}\n{NOTE}"),
            ),
            ("POST", "/messages", authorized.into(), single),
            ("GET", &format!("/members?mail={address}"), vec![authorized[0]], String::new()),
            ("GET", &format!("/messages?cursor={address}"), vec![authorized[0]], String::new()),
            ("GET", &format!("/{address}"), vec![authorized[0]], String::new()),
            (
                "POST",
                "/webhooks/twilio/demo/inbound",
                vec![("x-twilio-signature", "c2VjcmV0c2VjcmV0")],
                format!("From={STRANGER}&Body={ANSWER}"),
            ),
            ("POST", "/webhooks/whatsapp/demo", vec![("x-hub-signature-256", "sha256=00")], half.clone()),
            ("POST", "/webhooks/ses", Vec::new(), half.clone()),
            ("GET", &format!("/unsubscribe/{address}"), Vec::new(), String::new()),
        ] {
            let (status, answer) = self.call(method, path, &headers, body).await;
            let reports_rows = path == "/members/import" && status == 200;
            assert!((400..500).contains(&status) || reports_rows, "{method} {path}: {status} {answer}");
        }
        vec![forged]
    }

    /// Genuine calls of providers that are not understood.
    pub(super) async fn call_wrongly(&self) -> Vec<String> {
        let (twilio, whatsapp) = (self.secret("demo/twilio"), self.secret("demo/whatsapp"));
        let text = |secret: &Value, name: &str| secret[name].as_str().expect("a credential").to_owned();
        let mut signatures = Vec::new();
        for (route, fields) in [
            ("status", vec![("To", STRANGER), ("ErrorMessage", ANSWER)]),
            ("inbound", vec![("From", STRANGER), ("Body", ANSWER)]),
            ("inbound", vec![("From", "VISA"), ("To", STRANGER), ("Body", ANSWER), ("MessageSid", "SM1")]),
        ] {
            let url = format!("{}/webhooks/twilio/demo/{route}", self.stack.base_url());
            let sid = text(&twilio, "account_sid");
            let fields: BTreeMap<&str, &str> =
                fields.into_iter().chain([("AccountSid", sid.as_str())]).collect();
            let signature = sign::twilio(&text(&twilio, "auth_token"), &url, &fields);
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
            let headers = [
                ("x-twilio-signature", signature.as_str()),
                ("content-type", "application/x-www-form-urlencoded"),
            ];
            let (status, _) =
                self.call("POST", &format!("/webhooks/twilio/demo/{route}"), &headers, body).await;
            assert!((200..300).contains(&status), "{route}: {status}");
            signatures.push(signature);
        }
        let message = json!({ "from": STRANGER, "type": "text", "text": { "body": ANSWER } });
        let value = json!({ "metadata": { "phone_number_id": "106540352242922" }, "messages": [message], "statuses": [ANSWER] });
        let odd = json!({
            "object": "whatsapp_business_account", "entry": [{ "changes": [{ "field": "messages", "value": value }] }],
        });
        for body in [format!("{{\"from\": \"{STRANGER}\", \"text\": \"{ANSWER}\""), odd.to_string()] {
            let signature = sign::meta(&text(&whatsapp, "app_secret"), body.as_bytes());
            let headers = [("x-hub-signature-256", signature.as_str()), ("content-type", "application/json")];
            assert_eq!(self.call("POST", "/webhooks/whatsapp/demo", &headers, body).await.0, 200);
            signatures.push(signature.trim_start_matches("sha256=").to_owned());
        }
        signatures
    }

    /// Bodies on queues that nobody of ours has written.
    pub(super) async fn queue_wrongly(&self) {
        let sqs = &self.stack.clients().sqs;
        let queues = sqs.list_queues().send().await.expect("the queues are listed");
        for url in queues.queue_urls() {
            for body in [
                format!("{STRANGER} {ANSWER}"),
                format!("{{\"v\": \"1\", \"org_id\": \"{}\"}}", email(0)),
                format!("{{\"v\": \"{ANSWER}\"}}"),
            ] {
                sqs.send_message()
                    .queue_url(url)
                    .message_body(body)
                    .send()
                    .await
                    .expect("the queue takes it");
            }
        }
    }

    /// The providers refuse our credentials, and the channel is paused.
    pub(super) async fn send_with_wrong_credentials(&self) {
        let path = self.stack.data().path().join("secrets.json");
        let original = std::fs::read_to_string(&path).expect("the secrets are there");
        let mut secrets: Value = serde_json::from_str(&original).expect("JSON");
        secrets["demo/wrong"] = secrets["demo/twilio"].clone();
        secrets["demo/wrong"]["auth_token"] = WRONG.into();
        std::fs::write(&path, secrets.to_string()).expect("the secrets are written");
        self.client.put("/channels/sms", json!({ "secret_ref": "wrong" })).await;
        self.client
            .post("/messages", json!({ "member_id": "s0", "channel": "sms", "body": TEXT }), 202)
            .await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        std::fs::write(&path, original).expect("the secrets are written");
        self.client.put("/channels/sms", json!({ "secret_ref": "twilio" })).await;
    }
}
