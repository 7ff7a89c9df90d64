//! What a row takes in the database: a write of it costs one unit per kilobyte.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::MessageId;
use domain::member::Address;
use domain::variables::Variable;
use ulid::Ulid;

use super::*;
use crate::row::{Call, Verdict, to_item};

const OF_EVIDENCE: [&str; 6] = ["calls", "again", "delivered_in", "read_in", "ended_in", "inquiry"];

/// Bytes of an attribute, as DynamoDB counts them: names and texts in UTF-8, numbers about half their digits and one.
fn bytes(name: &str, value: &AttributeValue) -> usize {
    name.len()
        + match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(number) => number.len().div_ceil(2) + 1,
            other => panic!("{other:?}"),
        }
}

/// The size of a row after `changes`, and how much of it is what is kept as evidence.
fn size(row: &Row, changes: &[Change]) -> (usize, usize) {
    let mut item = to_item(row);
    for change in changes {
        for (name, value, keep) in change.sets() {
            if !keep || !item.contains_key(name) {
                item.insert(name.to_owned(), value);
            }
        }
    }
    let of = |names: &[&str], wanted: bool| -> usize {
        let some =
            item.iter().filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()) == wanted);
        some.map(|(name, value)| bytes(name, value)).sum()
    };
    (of(&[], true), of(&OF_EVIDENCE, true))
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000) + Duration::from_millis(millis)
}

fn call(millis: u64, verdict: Verdict) -> Call {
    Call {
        at: at(millis),
        claimed: Some(Duration::from_millis(1_045)),
        gate2: Some(Duration::from_millis(12)),
        took: Duration::from_millis(312),
        verdict,
        status: None,
        code: None,
    }
}

fn accepted(calls: Calls) -> Change {
    Change::Accepted {
        provider_message_id: "SMfedcba9876543210fedcba9876543210".into(),
        segments: Some(1),
        attempts: 1,
        tried_at: at(2_000),
        at: at(2_312),
        calls,
    }
}

fn delivered(channel: Channel, came_at: Option<Timestamp>) -> Change {
    let provider_message_id = Some("SMfedcba9876543210fedcba9876543210".into());
    Change::Receipt {
        channel,
        report: Report::Delivered,
        provider_message_id,
        provider_code: None,
        at: at(5_000),
        came_at,
    }
}

fn row() -> Row {
    let id = MessageId { send: Ulid::from_parts(1_800_000_000_000, u128::MAX >> 50), chunk: 42, slot: 99 };
    let member = "01JD2Z5Q8W3X4Y5Z6A7B8C9D0E".parse().unwrap();
    Row {
        address: Some(Address::stored("+64211234567".into())),
        values: BTreeMap::from([(Variable::FirstNames, "Anahera".into())]),
        ..Row::queued("st-marks-parish".parse().unwrap(), id, member, Channel::Sms, at(0))
    }
}

#[test]
fn an_ordinary_row_keeps_its_evidence_in_some_forty_bytes() {
    let calls = Calls::default().and(call(2_000, Verdict::Accepted));
    let (sms, evidence) = size(&row(), &[accepted(calls.clone()), delivered(Channel::Sms, None)]);
    assert!(evidence <= 40 && sms < 550, "{sms} bytes, {evidence} of them evidence");
    let (other, evidence) = size(&row(), &[accepted(calls), delivered(Channel::WhatsApp, Some(at(6_234)))]);
    assert!(evidence <= 60 && other < 580, "{other} bytes, {evidence} of them evidence");
}

#[test]
fn a_row_with_all_that_can_go_wrong_stays_below_a_kilobyte() {
    let bad = Call { status: Some(503), code: Some("20503".into()), ..call(1_000, Verdict::Later) };
    let calls = (0..30).fold(Calls::default(), |calls, _| calls.and(bad.clone()));
    let again = Some(crate::targets::RowPlace { chunk: 42, slot: 99 });
    let silence = Change::Unconfirmed { at: at(90_000_000), inquiry: Some(Inquiry::NothingLikeIt) };
    let unknown = Change::Unknown { why: Unknown::NoAnswer, attempts: 5, tried_at: at(2_000), calls };
    let changes = [unknown, silence, delivered(Channel::WhatsApp, Some(at(100_000_000)))];
    let (all, evidence) = size(&Row { again, ..row() }, &changes);
    assert!(all < 1_000, "{all} bytes, {evidence} of them evidence");
}
