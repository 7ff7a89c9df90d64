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
    if thousandths % 1_000 == 0 {
        (thousandths / 1_000).into()
    } else {
        Number::from_f64(rate.into()).unwrap_or_else(|| 1.into())
    }
}

/// What a `PUT` says of a channel. A field that is left out keeps its value; `null` takes a value away where there can be none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelChange {
    channel: Channel,
    sender: Option<String>,
    rate_per_second: Option<Rate>,
    per_day: Option<Option<u32>>,
    reply_to: Option<Option<String>>,
    receipt_window_s: Option<u32>,
    keyword_replies: Option<KeywordReplies>,
    secret_ref: Option<Option<String>>,
    status: Option<ChannelStatus>,
    status_reason: Option<Option<String>>,
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
                per_day: said(f, "per_day", per_day),
                reply_to: said(f, "reply_to", reply_to),
                receipt_window_s: f.optional("receipt_window_s").integer(window),
                keyword_replies: f.optional("keyword_replies").choice(&KeywordReplies::NAMES),
                secret_ref: said(f, "secret_ref", secret_ref.map(|name| name.to_string())),
                status: f.optional("status").choice(&ChannelStatus::NAMES),
                status_reason: said(f, "status_reason", status_reason),
            })
        })
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
        let Self { channel: _, sender, rate_per_second, per_day, reply_to, receipt_window_s, .. } =
            self.clone();
        replace(&mut settings.sender, sender);
        replace(&mut settings.rate_per_second, rate_per_second);
        replace(&mut settings.per_day, per_day);
        replace(&mut settings.reply_to, reply_to);
        replace(&mut settings.receipt_window_s, receipt_window_s);
        replace(&mut settings.keyword_replies, self.keyword_replies);
        let secret_stays = self.secret_ref == Some(None) && ChannelSettings::needs_secret(self.channel);
        replace(&mut settings.secret_ref, self.secret_ref.clone().filter(|_| !secret_stays));
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
            ChannelStatus::Paused => replace(&mut settings.status_reason, self.status_reason.clone()),
        }
    }

    fn missing(&self, settings: Option<&ChannelSettings>) -> Vec<FieldError> {
        let sender = self.sender.is_none() && settings.is_none();
        let has_secret = match settings {
            Some(settings) => settings.secret_ref.is_some(),
            None => matches!(self.secret_ref, Some(Some(_))),
        };
        let secret = !has_secret && ChannelSettings::needs_secret(self.channel);
        let needed = |field: &str| FieldError::new(field, "required", "is required for a new channel");
        [sender.then(|| needed("sender")), secret.then(|| needed("secret_ref"))]
            .into_iter()
            .flatten()
            .collect()
    }
}

fn replace<T>(place: &mut T, said: Option<T>) {
    if let Some(value) = said {
        *place = value;
    }
}

/// `None` if the field is left out, `Some(None)` if it is `null`.
#[expect(clippy::option_option, reason = "left out, null and given are three things here")]
fn said<T>(f: &Fields<'_>, name: &str, value: Option<T>) -> Option<Option<T>> {
    if f.is_null(name) { Some(None) } else { value.map(Some) }
}

/// The provider follows from the channel.
fn read_provider(f: &Fields<'_>, channel: Channel) {
    f.optional("provider").choice(&[(channel.provider(), ())]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_764_000_000;

    fn put(
        known: Option<&ChannelSettings>,
        channel: Channel,
        body: &Value,
    ) -> Result<ChannelSettings, Problem> {
        ChannelChange::read(body, channel)?.apply(known.cloned(), Timestamp::from_secs(NOW))
    }

    fn errors(result: Result<ChannelSettings, Problem>) -> Vec<(String, String)> {
        result.unwrap_err().errors.into_iter().map(|error| (error.field, error.code)).collect()
    }

    fn sms() -> ChannelSettings {
        put(None, Channel::Sms, &json!({"sender": "+15005550006", "secret_ref": "twilio"})).unwrap()
    }

    #[test]
    fn a_new_channel_has_its_providers_defaults() {
        let view = serde_json::to_value(ChannelView::from(&sms())).unwrap();
        let expected = json!({
            "channel": "sms", "provider": "twilio", "sender": "+15005550006", "rate_per_second": 1, "per_day": null,
            "reply_to": null, "receipt_window_s": 86400, "keyword_replies": "provider", "secret_ref": "twilio",
            "status": "active", "status_reason": null
        });
        assert_eq!(view, expected);
        assert_eq!(put(Some(&sms()), Channel::Sms, &view).unwrap(), sms(), "what a GET answers can be PUT");
        let email = put(None, Channel::Email, &json!({"sender": "a@example.org"})).unwrap();
        assert_eq!((email.rate_per_second, email.secret_ref), (Rate::per_second(14), None));
    }

    #[test]
    fn a_new_channel_needs_a_sender_and_where_the_provider_asks_for_it_a_secret() {
        let required = |field: &str| (field.to_owned(), "required".to_owned());
        assert_eq!(errors(put(None, Channel::Sms, &json!({}))), [required("sender"), required("secret_ref")]);
        assert_eq!(
            errors(put(None, Channel::WhatsApp, &json!({"sender": "12345678"}))),
            [required("secret_ref")]
        );
        assert_eq!(errors(put(None, Channel::Email, &json!({}))), [required("sender")]);
    }

    #[test]
    fn a_field_that_is_left_out_keeps_its_value_and_null_takes_it_away() {
        let limited =
            put(Some(&sms()), Channel::Sms, &json!({"per_day": 9, "rate_per_second": 0.5})).unwrap();
        assert_eq!((limited.per_day, limited.sender.as_str()), (Some(9), "+15005550006"));
        assert_eq!(ChannelView::from(&limited).rate_per_second, Number::from_f64(0.5).unwrap());
        let cleared =
            put(Some(&limited), Channel::Sms, &json!({"per_day": null, "secret_ref": null})).unwrap();
        assert_eq!((cleared.per_day, cleared.secret_ref.as_deref()), (None, Some("twilio")));
    }

    #[test]
    fn a_person_may_pause_and_resume() {
        let paused =
            put(Some(&sms()), Channel::Sms, &json!({"status": "paused", "status_reason": "holiday"}))
                .unwrap();
        assert_eq!((paused.held, paused.status_at), (true, Some(Timestamp::from_secs(NOW))));
        assert_eq!(paused.status_reason.as_deref(), Some("holiday"));
        let resumed = put(Some(&paused), Channel::Sms, &json!({"status": "active"})).unwrap();
        assert_eq!((resumed.held, resumed.status_reason), (false, None));
    }

    #[test]
    fn a_pause_by_the_provider_that_is_sent_back_stays_the_providers() {
        let refused = ChannelSettings {
            status: ChannelStatus::Paused,
            status_at: Some(Timestamp::from_secs(1)),
            ..sms()
        };
        let again = put(Some(&refused), Channel::Sms, &json!({"status": "paused", "per_day": 5})).unwrap();
        assert_eq!((again.held, again.status_at), (false, Some(Timestamp::from_secs(1))));
    }

    #[test]
    fn everything_that_does_not_fit_is_reported() {
        let body = json!({
            "channel": "email", "provider": "ses", "sender": "12", "rate_per_second": 0, "per_day": 0, "reply_to": "x",
            "receipt_window_s": 9, "keyword_replies": "on", "secret_ref": "a/b", "status": "on", "status_reason": 1, "x": 1
        });
        let found = errors(put(None, Channel::Sms, &body));
        let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
        let expected = [
            "channel",
            "provider",
            "sender",
            "secret_ref",
            "per_day",
            "reply_to",
            "status_reason",
            "rate_per_second",
            "receipt_window_s",
            "keyword_replies",
            "status",
            "x",
        ];
        assert_eq!(fields, expected);
    }
}
