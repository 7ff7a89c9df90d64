//! Status callbacks: what becomes of a message, when, and whether a failed callback is tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::form::encode;
use super::signature::sign;
use super::{API_VERSION, pool_number};
use crate::clock::carrier_time;
use crate::endings::Ending;
use crate::ids::uuid_from;
use crate::schedule::Pending;
use crate::webhook::{Attempt, Webhook};
use crate::world::World;

/// The error of a number that is not in service.
const UNKNOWN_DESTINATION: u32 = 30005;

/// The part of Twilio's states through which a simulated message goes after it was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Sent,
    Delivered,
    Undelivered,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
        }
    }

    pub(super) fn error_code(self) -> Option<u32> {
        match self {
            Self::Sent | Self::Delivered => None,
            Self::Undelivered => Some(UNKNOWN_DESTINATION),
        }
    }

    /// The way of a message to a number with this ending, and whether anybody is told.
    pub(super) fn course(ending: Ending) -> (&'static [Self], bool) {
        match ending {
            Ending::Fails => (&[Self::Sent, Self::Undelivered], true),
            Ending::Silent => (&[Self::Sent], false),
            Ending::Refused | Ending::Stops | Ending::AnswerLost | Ending::Complains | Ending::Delivered => {
                (&[Self::Sent, Self::Delivered], true)
            }
        }
    }
}

/// One status callback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StatusReport {
    pub(crate) org: String,
    pub(crate) account_sid: String,
    /// The request's `StatusCallback`, with its fragment.
    pub(crate) url: String,
    pub(crate) message_sid: String,
    pub(crate) from: String,
    pub(crate) to: String,
    /// The messaging service, if one was used.
    pub(crate) service: Option<String>,
    pub(crate) status: Status,
}

impl StatusReport {
    /// By the fragment of the URL; Twilio never looks at how old a callback is.
    pub(crate) fn retry_after(&self, attempt: &Attempt, attempts: u32) -> Option<Duration> {
        RetryPolicy::of_url(&self.url).retry_after(attempt, attempts)
    }

    fn fields(&self, occurred_ms: i64) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("ApiVersion", API_VERSION.to_owned()),
            ("MessageSid", self.message_sid.clone()),
            ("SmsSid", self.message_sid.clone()),
            ("AccountSid", self.account_sid.clone()),
            ("From", self.service.as_deref().map_or_else(|| self.from.clone(), pool_number)),
            ("To", self.to.clone()),
        ];
        fields.extend(self.service.clone().map(|service| ("MessagingServiceSid", service)));
        fields.push(("MessageStatus", self.status.name().to_owned()));
        fields.push(("SmsStatus", self.status.name().to_owned()));
        fields.extend(self.status.error_code().map(|code| ("ErrorCode", code.to_string())));
        if self.status != Status::Sent {
            fields.push(("RawDlrDoneDate", carrier_time(occurred_ms)));
        }
        fields
    }
}

/// The signed request of a callback, or `None` if the account is gone.
pub(crate) fn status_webhook(world: &World, report: &StatusReport, due: &Pending) -> Option<Webhook> {
    let accounts = world.accounts();
    let account = accounts.twilio_by_sid(&report.account_sid, &report.org)?;
    let token = uuid_from(&format!("{} {} {}", due.id, report.message_sid, report.status.name()));
    Some(form_webhook(&report.url, &account.auth_token, &report.fields(due.occurred_ms), token))
}

/// A form in a signed request. The fragment of the URL is Twilio's own: neither sent nor signed.
pub(super) fn form_webhook(
    url: &str,
    auth_token: &str,
    fields: &[(&str, String)],
    idempotency_token: String,
) -> Webhook {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    Webhook {
        url: url.to_owned(),
        headers: vec![
            ("content-type", "application/x-www-form-urlencoded; charset=UTF-8".to_owned()),
            ("user-agent", "TwilioProxy/1.1".to_owned()),
            ("i-twilio-idempotency-token", idempotency_token),
            ("x-twilio-signature", sign(auth_token, url, fields)),
        ],
        body: encode(fields),
    }
}

/// Kinds of failures that a policy can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    NotConnected,
    TimedOut,
    ClientError,
    ServerError,
}

impl Failure {
    /// As `rp` names them.
    const NAMES: [(&str, Self); 4] = [
        ("ct", Self::NotConnected),
        ("rt", Self::TimedOut),
        ("4xx", Self::ClientError),
        ("5xx", Self::ServerError),
    ];

    fn of(attempt: &Attempt) -> Option<Self> {
        match attempt {
            Attempt::NotConnected => Some(Self::NotConnected),
            Attempt::TimedOut => Some(Self::TimedOut),
            Attempt::Answered { status: 400..=499, .. } => Some(Self::ClientError),
            Attempt::Answered { status: 500.., .. } => Some(Self::ServerError),
            Attempt::Answered { .. } => None,
        }
    }
}

/// Which failures of a webhook are tried again and how often: the `rc` and `rp` of a URL's fragment.
/// <https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    count: u32,
    retried: Vec<Failure>,
}

impl RetryPolicy {
    /// Everything, five times: `#rc=5&rp=all`.
    pub(crate) fn all() -> Self {
        Self { count: 5, retried: Failure::NAMES.map(|(_, failure)| failure).to_vec() }
    }

    /// Without a fragment: once, after a failed connection only. A 5xx is then not tried again.
    fn of_url(url: &str) -> Self {
        let mut policy = Self { count: 1, retried: vec![Failure::NotConnected] };
        let fragment = url.split_once('#').map_or("", |(_, fragment)| fragment);
        for (name, value) in form_urlencoded::parse(fragment.as_bytes()) {
            match &*name {
                "rc" => policy.count = value.parse::<u32>().map_or(policy.count, |count| count.min(5)),
                "rp" => {
                    let named = |name| value.split(',').any(|part| part == name || part == "all");
                    let chosen = Failure::NAMES.into_iter().filter(|(name, _)| named(*name));
                    policy.retried = chosen.map(|(_, failure)| failure).collect();
                }
                _ => {}
            }
        }
        policy
    }

    /// Twilio waits a little longer each time.
    pub(crate) fn retry_after(&self, attempt: &Attempt, attempts: u32) -> Option<Duration> {
        let retried = Failure::of(attempt).is_some_and(|failure| self.retried.contains(&failure));
        (retried && attempts <= self.count).then(|| Duration::from_millis(250 << attempts.min(5)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> Attempt {
        Attempt::Answered { status, body: String::new() }
    }

    fn retries(url: &str, attempt: &Attempt) -> usize {
        let policy = RetryPolicy::of_url(url);
        (1..20).take_while(|attempts| policy.retry_after(attempt, *attempts).is_some()).count()
    }

    #[test]
    fn without_a_fragment_only_a_failed_connection_is_tried_again_and_once() {
        let url = "https://example.com/status?m=1";
        assert_eq!(retries(url, &Attempt::NotConnected), 1);
        assert_eq!(retries(url, &Attempt::TimedOut), 0);
        assert_eq!(retries(url, &answered(500)), 0);
    }

    #[test]
    fn the_fragment_decides_what_is_tried_again_and_how_often() {
        let all = "https://example.com/status?m=1#rc=5&rp=all";
        for attempt in [Attempt::NotConnected, Attempt::TimedOut, answered(503), answered(403)] {
            assert_eq!(retries(all, &attempt), 5, "{attempt:?}");
        }
        assert_eq!(retries(all, &answered(204)), 0);
        assert_eq!(retries("https://e.com/#rp=5xx,rt&rc=2", &answered(500)), 2);
        assert_eq!(retries("https://e.com/#rp=5xx,rt&rc=2", &answered(404)), 0);
        assert_eq!(retries("https://e.com/#rp=5xx,rt&rc=2", &Attempt::NotConnected), 0);
        assert_eq!(retries("https://e.com/#rc=99", &Attempt::NotConnected), 5);
    }

    fn sample_fields(sample: &str) -> Vec<(String, String)> {
        form_urlencoded::parse(sample.trim().as_bytes()).into_owned().collect()
    }

    #[test]
    fn callbacks_have_the_fields_of_the_samples() {
        let report = |status, service: Option<&str>| StatusReport {
            org: "demo".to_owned(),
            account_sid: "AC0123456789abcdef0123456789abcdef".to_owned(),
            url: String::new(),
            message_sid: "SMfedcba9876543210fedcba9876543210".to_owned(),
            from: "+15005550006".to_owned(),
            to: "+14155552671".to_owned(),
            service: service.map(str::to_owned),
            status,
        };
        let service = Some("MG0123456789abcdef0123456789abcdef");
        let done_ms = 1_792_071_000_000; // 2026-10-15T13:30Z
        for (status, sample) in [
            (Status::Sent, include_str!("../../../../tests/fixtures/twilio/callback.sent.form")),
            (Status::Delivered, include_str!("../../../../tests/fixtures/twilio/callback.delivered.form")),
            (
                Status::Undelivered,
                include_str!("../../../../tests/fixtures/twilio/callback.undelivered.30005.form"),
            ),
        ] {
            let mut fields = sample_fields(&encode(&report(status, service).fields(done_ms)));
            // The samples' service has the number of their account.
            fields
                .iter_mut()
                .filter(|(name, _)| name == "From")
                .for_each(|(_, from)| "+15005550006".clone_into(from));
            assert_eq!(fields, sample_fields(sample), "{status:?}");
        }
        let plain = report(Status::Sent, None).fields(done_ms);
        assert!(!plain.iter().any(|(name, _)| *name == "MessagingServiceSid"));
    }
}
