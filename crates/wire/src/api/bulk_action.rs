//! Bulk actions: what a caller sends to create one or to retry one.

use domain::{Dedupe, MemberId, Routing, Timestamp};
use serde_json::Value;

use super::content::{MessageRequest, WhatsAppText, channel, says};
use super::fields::{Fields, Text, read};
use super::problem::Problem;

/// The most targets of one action.
pub const MAX_TARGETS: usize = 100_000;
/// A request to create a bulk action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateBulkAction {
    /// Whom it is for.
    pub targets: Targets,
    /// What it says on each channel, in order of preference.
    pub messages: Vec<MessageRequest>,
    /// How it treats several channels.
    pub routing: Routing,
    /// When it is to start; at once if absent.
    pub schedule_at: Option<Timestamp>,
    /// When it stops being useful.
    pub expires_at: Option<Timestamp>,
    /// Whether members who share an address get one message between them.
    pub dedupe: Dedupe,
}

/// Whom a send is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets {
    /// These members, in this order.
    Ids(Vec<MemberId>),
    /// All members that match.
    Matching(Filter),
}

/// What members must match; an absent part matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The unit that they belong to.
    pub unit_id: Option<String>,
    /// A text that stands in their names, email or phones.
    pub q: Option<String>,
}

impl CreateBulkAction {
    /// Reads a request.
    ///
    /// # Errors
    /// 422 with everything that does not fit.
    pub fn read(body: &Value) -> Result<Self, Problem> {
        read(body, |f| {
            let kind = f.required("type").choice(&[("send_message", ())]);
            let targets = targets(f);
            let messages = f.required("messages").array(1..=3, |m| m.object(message));
            let routing = f
                .optional("routing")
                .choice(&[("all", Routing::All), ("first_reachable", Routing::FirstReachable)]);
            let schedule_at = f.optional("schedule_at").time();
            let expires_at = f.optional("expires_at").time();
            let dedupe = f.optional("dedupe").choice(&[("none", Dedupe::None), ("address", Dedupe::Address)]);
            let messages = messages.filter(|messages| each_channel_once(f, messages));
            kind?;
            Some(Self {
                targets: targets?,
                messages: messages?,
                routing: routing.unwrap_or_default(),
                schedule_at,
                expires_at,
                dedupe: dedupe.unwrap_or_default(),
            })
        })
    }
}

fn targets(f: &Fields<'_>) -> Option<Targets> {
    let ids = f.optional("target_ids").array(1..=MAX_TARGETS, |id| id.id());
    let matching = f.optional("selection").object(|s| {
        s.required("all_matching").object(|m| {
            let unit_id = m.optional("unit_id").text(Text::line(64));
            let q = m.optional("q").text(Text::line(100));
            Some(Filter { unit_id, q })
        })
    });
    match (f.has("target_ids"), f.has("selection")) {
        (true, true) => {
            f.fail("selection", "conflict", "give either target_ids or selection, not both");
            None
        }
        (false, false) => {
            f.fail("target_ids", "required", "give target_ids or selection");
            None
        }
        (true, false) => ids.map(Targets::Ids),
        (false, true) => matching.map(Targets::Matching),
    }
}

fn each_channel_once(f: &Fields<'_>, messages: &[MessageRequest]) -> bool {
    let twice = messages
        .iter()
        .enumerate()
        .find(|(i, m)| messages.iter().take(*i).any(|other| other.channel == m.channel));
    if let Some((_, message)) = twice {
        f.fail(
            "messages",
            "twice",
            format!("has two messages for {}; give each channel at most once", message.channel),
        );
    }
    twice.is_none()
}

fn message(f: &Fields<'_>) -> Option<MessageRequest> {
    let channel = channel(f);
    let says = says(f, channel, WhatsAppText::No);
    Some(MessageRequest { channel: channel?, says: says? })
}

/// Which rows of an action a retry takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RetryScope {
    /// Failed and skipped rows.
    #[default]
    Failed,
    /// Unconfirmed rows.
    Unconfirmed,
    /// Both.
    All,
}

impl RetryScope {
    /// Reads the body of a retry.
    ///
    /// # Errors
    /// 422 with everything that does not fit.
    pub fn read(body: &Value) -> Result<Self, Problem> {
        read(body, |f| {
            let choices = [("failed", Self::Failed), ("unconfirmed", Self::Unconfirmed), ("all", Self::All)];
            Some(f.optional("scope").choice(&choices).unwrap_or_default())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn codes(body: &Value) -> Vec<(String, String)> {
        let errors = CreateBulkAction::read(body).map_or_else(|problem| problem.errors, |_| Vec::new());
        errors.into_iter().map(|error| (error.field, error.code)).collect()
    }

    #[test]
    fn a_request_says_for_whom_exactly_once() {
        let messages = json!([{ "channel": "sms", "body": "Hi" }]);
        let both = json!({ "type": "send_message", "target_ids": ["a"], "selection": { "all_matching": {} }, "messages": messages });
        assert_eq!(codes(&both), [("selection".to_owned(), "conflict".to_owned())]);
        let none = json!({ "type": "send_message", "messages": messages });
        assert_eq!(codes(&none), [("target_ids".to_owned(), "required".to_owned())]);
        let all =
            json!({ "type": "send_message", "selection": { "all_matching": {} }, "messages": messages });
        assert_eq!(CreateBulkAction::read(&all).unwrap().targets, Targets::Matching(Filter::default()));
    }

    #[test]
    fn whatsapp_needs_a_template_and_a_channel_comes_once() {
        let typed = json!({ "type": "send_message", "target_ids": ["a"], "messages": [{ "channel": "whatsapp", "body": "Hi" }] });
        assert_eq!(codes(&typed), [("messages[0].template_id".to_owned(), "required".to_owned())]);
        let sms = json!({ "channel": "sms", "body": "Hi" });
        let twice = json!({ "type": "send_message", "target_ids": ["a"], "messages": [sms, sms] });
        assert_eq!(codes(&twice), [("messages".to_owned(), "twice".to_owned())]);
    }

    #[test]
    fn every_field_that_does_not_fit_is_named_at_once() {
        let body = json!({
            "type": "shout", "target_ids": ["a b"], "routing": "some", "expires_at": "soon", "colour": "red",
            "messages": [{ "channel": "sms", "body": "x".repeat(1601) }, { "channel": "email", "body": "x" }],
        });
        let fields: Vec<String> = codes(&body).into_iter().map(|(field, _)| field).collect();
        for field in [
            "type",
            "target_ids[0]",
            "routing",
            "expires_at",
            "colour",
            "messages[0].body",
            "messages[1].subject",
        ] {
            assert!(fields.iter().any(|named| named == field), "{field} in {fields:?}");
        }
    }
}
