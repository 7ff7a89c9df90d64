//! Queue bodies of every version stay readable as long as a dead-letter queue can hold them: one frozen file per version.

use wire::queue::{ApplyReceiptJob, DispatchJob, SendMessageJob};

fn frozen<T: serde::Serialize + serde::de::DeserializeOwned>(text: &str) {
    let job: T = serde_json::from_str(text).expect("an old body is read");
    let written = serde_json::to_value(&job).expect("a job is written");
    let expected: serde_json::Value = serde_json::from_str(text).expect("the file is JSON");
    assert_eq!(written, expected, "what is written today is what was frozen");
}

#[test]
fn send_message_v1_is_read_and_written_as_it_was() {
    frozen::<SendMessageJob>(include_str!("../fixtures/queue/send-message.v1.json"));
}

#[test]
fn dispatch_v1_is_read_and_written_as_it_was() {
    frozen::<DispatchJob>(include_str!("../fixtures/queue/dispatch.v1.json"));
}

#[test]
fn apply_receipt_v1_is_read_and_written_as_it_was() {
    frozen::<ApplyReceiptJob>(include_str!("../fixtures/queue/apply-receipt.v1.json"));
    // Since it is kept when a call came.
    frozen::<ApplyReceiptJob>(include_str!("../fixtures/queue/apply-receipt.v1.came.json"));
}
