//! Calls that a provider's secret signed and that are nonsense: refusing them would only bring them again.

use serde_json::Value;

use super::bodies::{MARK_JSON, marked};
use super::signed::{TWILIO_INBOUND, TWILIO_STATUS, account, twilio, whatsapp};
use super::{Inhabited, Watch, values};

/// Samples of a provider's calls.
fn samples(folder: &str) -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let mut samples: Vec<(String, String)> = std::fs::read_dir(folder)
        .expect("fixtures")
        .map(|entry| {
            let path = entry.expect("a file").path();
            (path.display().to_string(), std::fs::read_to_string(path).expect("a text"))
        })
        .collect();
    samples.sort();
    samples
}

#[tokio::test]
async fn nonsense_that_metas_secret_signed_is_acknowledged_and_costs_nothing_else() {
    let inhabited = Inhabited::start().await;
    let mut watch = Watch::new(&inhabited.world);
    let mut values = values::json();
    values.push(format!("\"{}\"", "x".repeat(500_000)));
    values.push(format!("[{}]", vec!["{\"id\":\"W\",\"from\":\"64212410100\"}"; 300].join(",")));
    for folder in ["whatsapp/status", "whatsapp/inbound", "whatsapp/webhooks-other"] {
        for (name, text) in samples(folder) {
            let sample: Value = serde_json::from_str(&text).expect("JSON");
            let marked = marked(&sample);
            for (number, body) in marked.iter().enumerate() {
                let body = body.to_string();
                for value in values.iter().skip(number % 16).step_by(16) {
                    let body = body.replace(MARK_JSON, value);
                    let reply =
                        watch.send(&format!("{name} {body:.200}"), &whatsapp("demo", body.as_bytes())).await;
                    assert_eq!(reply.status, 200, "{name} {body:.600}");
                }
            }
        }
    }
    for (what, body) in values::bodies() {
        assert_eq!(watch.send(what, &whatsapp("demo", &body)).await.status, 200, "{what}");
    }
    watch.finish_accepted().await;
}

#[tokio::test]
async fn nonsense_that_twilios_token_signed_is_acknowledged_and_costs_nothing_else() {
    let inhabited = Inhabited::start().await;
    let mut watch = Watch::new(&inhabited.world);
    let mut values = values::texts();
    values.push("x".repeat(500_000));
    for (name, text) in samples("twilio").into_iter().filter(|(_, text)| text.contains("AccountSid=")) {
        let route = if name.contains("inbound") { TWILIO_INBOUND } else { TWILIO_STATUS };
        let sid = account("demo");
        let mut fields: Vec<(String, String)> = form_urlencoded::parse(text.trim().as_bytes())
            .into_owned()
            .filter(|(name, _)| name != "AccountSid")
            .collect();
        fields.push(("AccountSid".into(), sid));
        for place in 0..fields.len() - 1 {
            for value in values.iter().skip(place % 9).step_by(9) {
                let mut fields = fields.clone();
                fields[place].1.clone_from(value);
                let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
                let request = twilio(route, "demo", &format!("m={}", inhabited.message), body.as_bytes());
                let what = format!("{name} {} = {value:.60?}", fields[place].0);
                assert!(watch.send(&what, &request).await.status < 300, "{what}");
            }
        }
    }
    for (what, body) in values::bodies() {
        for route in [TWILIO_STATUS, TWILIO_INBOUND] {
            let reply = watch.send(what, &twilio(route, "demo", "", &body)).await;
            assert!(reply.status < 500, "{what}");
        }
    }
    watch.finish_accepted().await;
}
