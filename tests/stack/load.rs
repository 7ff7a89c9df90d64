//! The load harness on a small send: what it measures is measured elsewhere, but it has to be able to.

use std::time::Duration;

use local::load::{Options, run};

async fn measured(channel: &'static str, recipients: usize) {
    let latency = Duration::from_millis(5);
    let options = Options { recipients, channel, latency, send_only: true, data: None };
    let (table, json, _) = run(&options, std::future::pending()).await.expect("the harness measures");
    let (send, total) = (&json["send"], recipients);
    assert_eq!((&send["duplicates"], &send["lost"]), (&0.into(), &0.into()), "{json:#}");
    assert_eq!(send["actions"][0]["status"], "completed");
    assert_eq!(send["actions"][0]["success_count"], total);
    assert_eq!(send["provider_calls"], total);
    let writes = json["budgets"]["writes"]["value"].as_f64().expect("write units");
    // A row with its index entry, `sent` and `delivered` are four; the rest is shared by a hundred.
    assert!((4.0..6.0).contains(&writes), "{writes} write units per message");
    assert!(send["stages_s"]["sent"].as_f64() <= send["stages_s"]["settled"].as_f64());
    assert!(table.contains("write units per message"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_send_is_measured_on_every_channel() {
    for channel in ["sms", "whatsapp", "email"] {
        measured(channel, 120).await;
    }
}
