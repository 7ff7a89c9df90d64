//! Bulk actions: what a caller sends to create one, and how one reads.

use std::collections::BTreeMap;

use domain::content::Body as ContentBody;
use domain::{BulkActionId, BulkActionStatus, Channel, MemberId, Routing, TemplateId, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::fields::{Fields, Text, read};
use super::problem::Problem;

/// The most targets of one action.
pub const MAX_TARGETS: usize = 100_000;
/// Twilio's limit of an SMS body, in characters (error 21617).
pub const MAX_SMS: usize = 1600;
/// The longest part of a mail, in bytes.
pub const MAX_EMAIL_BYTES: usize = 100 * 1024;
/// The longest subject, in characters: RFC 5322's limit of a line.
pub const MAX_SUBJECT: usize = 998;
/// The longest value of a template parameter, in characters (Meta's limit of a body).
pub const MAX_PARAMETER: usize = 1024;

/// A request to create a bulk action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateBulkAction {
    /// Whom it is for.
    pub targets: Targets,
    /// What it says on each channel, in order of preference.
    pub messages: Vec<MessageRequest>,
    /// How it treats several channels.
    pub routing: Routing,
    /// When it stops being useful.
    pub expires_at: Option<Timestamp>,
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

/// What a send says on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRequest {
    /// The channel.
    pub channel: Channel,
    /// What it says.
    pub says: Says,
}

/// Typed or from a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Typed by the sender.
    Typed(ContentBody),
    /// From a template.
    Template {
        /// Which.
        id: TemplateId,
        /// Values for its parameters.
        parameters: BTreeMap<String, String>,
        /// Another subject than the template's, for mails.
        subject: Option<String>,
    },
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
            let expires_at = f.optional("expires_at").time();
            let messages = messages.filter(|messages| each_channel_once(f, messages));
            kind?;
            Some(Self {
                targets: targets?,
                messages: messages?,
                routing: routing.unwrap_or_default(),
                expires_at,
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
    let channel = f.required("channel").choice(&Channel::ALL.map(|channel| (channel.as_str(), channel)));
    if f.has("template_id") {
        return from_template(f, channel);
    }
    let channel = channel?;
    let says = match channel {
        Channel::Sms => {
            let text = not_blank(f, "body", f.required("body").text(Text::block(MAX_SMS)));
            ContentBody::Sms { text: text? }
        }
        Channel::Email => {
            let part = Text::block(MAX_EMAIL_BYTES).max_bytes(MAX_EMAIL_BYTES);
            let subject = not_blank(f, "subject", f.required("subject").text(Text::line(MAX_SUBJECT)));
            let text = not_blank(f, "body", f.required("body").text(part));
            let html = f.optional("html").text(part);
            ContentBody::Email { subject: subject?, text: text?, html }
        }
        Channel::WhatsApp => {
            f.ignore("body");
            f.fail("template_id", "required", "WhatsApp needs an approved template");
            return None;
        }
    };
    Some(MessageRequest { channel, says: Says::Typed(says) })
}

/// A message of nothing but white space says nothing.
fn not_blank(f: &Fields<'_>, name: &'static str, text: Option<String>) -> Option<String> {
    if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
        f.fail(name, "blank", "must say something");
        return None;
    }
    text
}

fn from_template(f: &Fields<'_>, channel: Option<Channel>) -> Option<MessageRequest> {
    let id = f.required("template_id").id::<TemplateId>();
    let parameters = f.optional("parameters").map(64, Text::line(MAX_PARAMETER), |_| Ok(()));
    let subject = f.optional("subject").text(Text::line(MAX_SUBJECT));
    for typed in ["body", "html"] {
        f.ignore(typed);
        if f.has(typed) {
            f.fail(typed, "conflict", "comes from the template; leave it out");
        }
    }
    if f.has("subject") && channel.is_some_and(|channel| channel != Channel::Email) {
        f.fail("subject", "conflict", "only mails have a subject");
    }
    let says = Says::Template { id: id?, parameters: parameters.unwrap_or_default(), subject };
    Some(MessageRequest { channel: channel?, says })
}

/// A bulk action as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActionView {
    /// Its id.
    pub id: BulkActionId,
    /// What it does.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Where it is.
    pub status: BulkActionStatus,
    /// What made it.
    pub source: &'static str,
    /// Who asked for it.
    pub created_by: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was to start, if not at once.
    pub schedule_at: Option<Timestamp>,
    /// When it stops being useful.
    pub expires_at: Timestamp,
    /// When it left `queued`.
    pub started_at: Option<Timestamp>,
    /// When every row was written.
    pub delegated_at: Option<Timestamp>,
    /// When it settled.
    pub finished_at: Option<Timestamp>,
    /// When a late receipt last corrected its status.
    pub corrected_at: Option<Timestamp>,
    /// The action that it retries.
    pub retry_of: Option<BulkActionId>,
    /// What it says, as it was given.
    pub messages: Value,
    /// How it treats several channels.
    pub routing: Routing,
    /// Whether one address gets one message.
    pub dedupe: &'static str,
    /// Targets that were named more than once.
    pub duplicates_removed: u32,
    /// Rows: the sum of the five counts below.
    pub total: u64,
    /// Delivered or read.
    pub success_count: u64,
    /// Failed.
    pub failed_count: u64,
    /// Skipped.
    pub skipped_count: u64,
    /// Accepted, or perhaps accepted, without a report in time.
    pub unconfirmed_count: u64,
    /// Not settled yet.
    pub pending_count: u64,
    /// Rows that ever were with the provider.
    pub sent_count: u64,
    /// Rows that ever were delivered.
    pub delivered_count: u64,
    /// Rows that were read.
    pub read_count: u64,
    /// Why it failed as a whole.
    pub failure_reason: Option<String>,
    /// A sender that is paused while work waits for it.
    pub paused: Option<PausedView>,
    /// When the last message will have left.
    pub estimated_completion: Option<Timestamp>,
    /// Days over which it is spread.
    pub spans_days: Option<u32>,
    /// When the rows were last counted.
    pub reconciled_at: Option<Timestamp>,
    /// Its moves.
    pub history: Vec<MoveView>,
}

/// A paused sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PausedView {
    /// Its channel.
    pub channel: Channel,
    /// Why, for people.
    pub reason: String,
}

/// One move of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MoveView {
    /// The status after it.
    pub status: BulkActionStatus,
    /// When.
    pub at: Timestamp,
    /// Who or what caused it.
    pub by: String,
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
