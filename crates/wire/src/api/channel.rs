//! Channels: how one reads, and what a `PUT` changes of it.

use domain::settings::{
    ChannelSettings, ChannelStatus, KeywordReplies, MAX_RECEIPT_WINDOW_S, MIN_RECEIPT_WINDOW_S, Rate,
    check_sender,
};
use domain::{Channel, Timestamp};
use serde::Serialize;
use serde_json::{Number, Value};

use super::fields::{Fields, Text, read};
use super::organisation::{read_mailbox, same_id};
use super::problem::{FieldError, Problem};

/// Longest sender, in characters.
const MAX_SENDER: usize = 320;
/// Longest reason of a pause, in characters.
const MAX_REASON: usize = 500;
/// Largest limit per 24 hours.
const MAX_PER_DAY: u32 = 100_000_000;

/// A channel, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelView<'a> {
    channel: Channel,
    provider: &'static str,
    sender: &'a str,
    rate_per_second: Number,
    per_day: Option<u32>,
    reply_to: Option<&'a str>,
    receipt_window_s: u32,
    keyword_replies: &'static str,
    secret_ref: Option<&'a str>,
    status: &'static str,
    status_reason: Option<&'a str>,
}

impl<'a> From<&'a ChannelSettings> for ChannelView<'a> {
    fn from(settings: &'a ChannelSettings) -> Self {
        Self {
            channel: settings.channel,
            provider: settings.channel.provider(),
            sender: &settings.sender,
            rate_per_second: number(settings.rate_per_second),
            per_day: settings.per_day,
            reply_to: settings.reply_to.as_deref(),
            receipt_window_s: settings.receipt_window_s,
            keyword_replies: settings.keyword_replies.as_str(),
            secret_ref: settings.secret_ref.as_deref(),
            status: settings.status.as_str(),
            status_reason: settings.status_reason.as_deref(),
        }
    }
}

/// A rate as people write it: 20 and not 20.0.
fn number(rate: Rate) -> Number {
    let thousandths = rate.thousandths();
    if thousandths.is_multiple_of(1_000) {
        (thousandths / 1_000).into()
    } else {
        Number::from_f64(rate.into()).unwrap_or_else(|| 1.into())
    }
}

/// What a `PUT` says of a field that may have no value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said<T> {
    /// It was left out.
    Nothing,
    /// It was `null`.
    Null,
    /// This.
    Value(T),
}

impl<T> Said<T> {
    fn of(f: &Fields<'_>, name: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => Self::Value(value),
            None if f.is_null(name) => Self::Null,
            None => Self::Nothing,
        }
    }

    fn apply(self, place: &mut Option<T>) {
        match self {
            Self::Nothing => {}
            Self::Null => *place = None,
            Self::Value(value) => *place = Some(value),
        }
    }
}

/// What a `PUT` says of a channel. A field that is left out keeps its value; `null` takes a value away where there can be none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelChange {
    channel: Channel,
    sender: Option<String>,
    rate_per_second: Option<Rate>,
    per_day: Said<u32>,
    reply_to: Said<String>,
    receipt_window_s: Option<u32>,
    keyword_replies: Option<KeywordReplies>,
    secret_ref: Said<String>,
    status: Option<ChannelStatus>,
    status_reason: Said<String>,
}

impl ChannelChange {
    /// Reads the body of `PUT /channels/{channel}`.
    ///
    /// # Errors
    /// 422 with everything that does not fit.
    pub fn read(body: &Value, channel: Channel) -> Result<Self, Problem> {
        read(body, |f| {
            same_id(&f.optional("channel"), channel.as_str());
            read_provider(f, channel);
            let sender = f.optional("sender");
            let sender_text = sender.text(Text::line(MAX_SENDER));
            if let Some(Err(error)) = sender_text.as_ref().map(|text| check_sender(channel, text)) {
                sender.fail("sender", error.to_string());
            }
            let secret_ref = f.optional("secret_ref").parsed::<domain::TemplateId>("name");
            let per_day = f.optional("per_day").integer(1..=MAX_PER_DAY);
            let reply_to = read_mailbox(&f.optional("reply_to"));
            let status_reason = f.optional("status_reason").text(Text::line(MAX_REASON));
            let window = MIN_RECEIPT_WINDOW_S..=MAX_RECEIPT_WINDOW_S;
            Some(Self {
                channel,
                sender: sender_text,
                rate_per_second: f.optional("rate_per_second").number("range"),
                per_day: Said::of(f, "per_day", per_day),
                reply_to: Said::of(f, "reply_to", reply_to),
                receipt_window_s: f.optional("receipt_window_s").integer(window),
                keyword_replies: f.optional("keyword_replies").choice(&KeywordReplies::NAMES),
                secret_ref: Said::of(f, "secret_ref", secret_ref.map(|name| name.to_string())),
                status: f.optional("status").choice(&ChannelStatus::NAMES),
                status_reason: Said::of(f, "status_reason", status_reason),
            })
        })
    }

    /// What a body that does not fit by itself lacks besides, if there is no such channel yet.
    pub fn lacks(body: &Value, channel: Channel) -> Vec<FieldError> {
        let lacks = |name: &str| body.is_object() && body.get(name).is_none_or(Value::is_null);
        let secret = ChannelSettings::needs_secret(channel) && lacks("secret_ref");
        [lacks("sender").then(|| needed("sender")), secret.then(|| needed("secret_ref"))]
            .into_iter()
            .flatten()
            .collect()
    }

    /// The settings after the change. A new channel needs what has no default.
    ///
    /// # Errors
    /// 422 with the fields that a new channel lacks.
    pub fn apply(&self, known: Option<ChannelSettings>, now: Timestamp) -> Result<ChannelSettings, Problem> {
        let mut settings = match (known, &self.sender) {
            (Some(known), _) => known,
            (None, Some(sender)) => ChannelSettings::new(self.channel, sender.clone()),
            (None, None) => return Err(Problem::invalid(self.missing(None))),
        };
        replace(&mut settings.sender, self.sender.clone());
        replace(&mut settings.rate_per_second, self.rate_per_second);
        replace(&mut settings.receipt_window_s, self.receipt_window_s);
        replace(&mut settings.keyword_replies, self.keyword_replies);
        self.per_day.clone().apply(&mut settings.per_day);
        self.reply_to.clone().apply(&mut settings.reply_to);
        if self.secret_ref != Said::Null || !ChannelSettings::needs_secret(self.channel) {
            self.secret_ref.clone().apply(&mut settings.secret_ref);
        }
        self.apply_status(&mut settings, now);
        let missing = self.missing(Some(&settings));
        if missing.is_empty() { Ok(settings) } else { Err(Problem::invalid(missing)) }
    }

    /// The status that is said again is no change: what was read can be sent back without turning a pause by the provider
    /// into one by a person.
    fn apply_status(&self, settings: &mut ChannelSettings, now: Timestamp) {
        if let Some(status) = self.status.filter(|status| *status != settings.status) {
            settings.status = status;
            settings.status_at = Some(now);
            settings.held = status == ChannelStatus::Paused;
            settings.status_reason = None;
        }
        match settings.status {
            ChannelStatus::Active => settings.status_reason = None,
            ChannelStatus::Paused => self.status_reason.clone().apply(&mut settings.status_reason),
        }
    }

    fn missing(&self, settings: Option<&ChannelSettings>) -> Vec<FieldError> {
        let sender = self.sender.is_none() && settings.is_none();
        let has_secret = match settings {
            Some(settings) => settings.secret_ref.is_some(),
            None => matches!(self.secret_ref, Said::Value(_)),
        };
        let secret = !has_secret && ChannelSettings::needs_secret(self.channel);
        [sender.then(|| needed("sender")), secret.then(|| needed("secret_ref"))]
            .into_iter()
            .flatten()
            .collect()
    }
}

fn needed(field: &str) -> FieldError {
    FieldError::new(field, "required", "is required for a new channel")
}

fn replace<T>(place: &mut T, said: Option<T>) {
    if let Some(value) = said {
        *place = value;
    }
}

/// The provider follows from the channel.
fn read_provider(f: &Fields<'_>, channel: Channel) {
    f.optional("provider").choice(&[(channel.provider(), ())]);
}

#[cfg(test)]
mod tests;
