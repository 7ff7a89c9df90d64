//! Things that tests are about.

use std::collections::BTreeMap;

use domain::content::{Body, Content};
use domain::member::Address;
use domain::variables::{RENDERER_VERSION, Variable};
use domain::{BulkActionId, BulkActionStatus, Channel, MessageId, Timestamp};
use store::action::Action;
use store::content::FrozenContent;
use store::row::Row;
use ulid::Ulid;

use super::shown::Messages;

/// A delegated action.
pub(super) fn action() -> Action {
    let at = Timestamp::from_secs(0);
    let id = BulkActionId::new(Ulid::from_parts(1, 1));
    Action {
        status: BulkActionStatus::Delegated,
        targets: 1,
        total: 1,
        expires_at: at,
        started_at: Some(at),
        delegated_at: Some(at),
        due_at: None,
        ..Action::accepted("o".parse().unwrap(), id, "u", at)
    }
}

/// An SMS to Ana that waits for its call.
pub(super) fn row() -> Row {
    let id = MessageId { send: action().id.ulid(), chunk: 0, slot: 0 };
    Row {
        address: Some(Address::stored("+15005550006".into())),
        values: BTreeMap::from([(Variable::FirstNames, "Ana".into())]),
        ..Row::queued("o".parse().unwrap(), id, "m1".parse().unwrap(), Channel::Sms, Timestamp::from_secs(0))
    }
}

/// What an action says on some channels.
pub(super) fn content(bodies: Vec<Body>) -> FrozenContent {
    let message = |body| Content { template_id: None, renderer: RENDERER_VERSION, body };
    FrozenContent {
        messages: bodies.into_iter().map(message).collect(),
        receipt_window_s: BTreeMap::new(),
        as_given: serde_json::json!([]),
    }
}

/// One SMS.
pub(super) fn sms(text: &str) -> Messages {
    Messages::of(&content(vec![Body::Sms { text: text.into() }]))
}

/// One mail.
pub(super) fn email(text: &str) -> Messages {
    Messages::of(&content(vec![Body::Email { subject: "Hello".into(), text: text.into(), html: None }]))
}
