//! The way to a provider that can be asked what became of a message, and how much of it one tick takes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use channels::twilio::TwilioLookUp;
use channels::{LookUp, Secret};
use domain::settings::ChannelSettings;
use domain::{Channel, OrgId, Timestamp};
use serde_json::Value;

use super::Reconcile;
use crate::Error;
use crate::secrets::{SecretError, field};

/// A provider that can be asked about messages. WhatsApp and SES cannot: their reports carry our own id and nothing else finds a message.
pub trait Ask: Send + Sync {
    /// The channel.
    const CHANNEL: Channel;
    /// The adapter.
    type LookUp: LookUp;

    /// A sender of an organisation with its credentials.
    ///
    /// # Errors
    /// If the secret lacks a field.
    fn connect(&self, settings: &ChannelSettings, secret: &Value) -> Result<Self::LookUp, SecretError>;
}

/// Twilio, about SMS.
pub struct AskTwilio {
    /// The HTTP client.
    pub http: channels::HttpClient,
    /// Twilio's host.
    pub base_url: String,
}

impl Ask for AskTwilio {
    const CHANNEL: Channel = Channel::Sms;
    type LookUp = TwilioLookUp;

    fn connect(&self, settings: &ChannelSettings, secret: &Value) -> Result<TwilioLookUp, SecretError> {
        Ok(TwilioLookUp {
            http: self.http.clone(),
            base_url: self.base_url.clone(),
            account_sid: field(secret, "account_sid")?.to_owned(),
            auth_token: Secret::new(field(secret, "auth_token")?),
            sender: settings.sender.clone(),
        })
    }
}

/// An organisation's way to the provider.
pub(super) enum Line<L> {
    /// It is open.
    Open(L),
    /// The organisation has no such channel any more, or no usable credentials for it: nobody can be asked.
    Closed,
    /// The credentials could not be read at the moment.
    Down,
}

/// Opens the way. A sender that is paused can be asked like any other.
pub(super) async fn open<A: Ask>(deps: &Reconcile<A>, org: &OrgId) -> Result<Line<A::LookUp>, Error> {
    let channels = deps.store.channels(org).await?;
    let settings = channels.into_iter().find(|settings| settings.channel == A::CHANNEL);
    let Some((settings, name)) = settings.and_then(|it| it.secret_ref.clone().map(|name| (it, name))) else {
        return Ok(Line::Closed);
    };
    let connected = match deps.secrets.secret(org, &name).await {
        Ok(secret) => deps.ask.connect(&settings, &secret),
        Err(error) => Err(error),
    };
    Ok(match connected {
        Ok(look_up) => Line::Open(look_up),
        Err(error) => {
            tracing::warn!(org_id = %org, channel = %A::CHANNEL, error = %telemetry::chain(&error), "a provider cannot be asked");
            match error {
                SecretError::Unavailable(_) => Line::Down,
                SecretError::NotFound | SecretError::Unfit(_) => Line::Closed,
            }
        }
    })
}

/// Questions of one tick, all organisations together.
const QUESTIONS: usize = 1000;
/// Those of one organisation, so that one huge send does not keep the others' from being asked.
const OF_ONE: usize = 250;
/// How long a tick asks: the rest of it is for everything else.
const ASKING: Duration = Duration::from_secs(20);
/// What recording the answers may take.
const RECORDING: Duration = Duration::from_secs(5);

/// What is left of a tick for questions.
pub(super) struct Questions {
    until: Timestamp,
    asked: Mutex<HashMap<OrgId, usize>>,
}

impl Questions {
    /// For a tick that began at `now` and must end by `deadline`; a question takes up to `longest`.
    pub(super) fn new(now: Timestamp, deadline: Timestamp, longest: Duration) -> Self {
        Self { until: (now + ASKING).min(deadline - longest - RECORDING), asked: Mutex::default() }
    }

    /// Whether `org` may ask one more now.
    pub(super) fn are_left(&self, org: &OrgId, now: Timestamp) -> bool {
        self.with(|asked| self.is_open(asked, org, now))
    }

    /// The same, and counts the question.
    pub(super) fn take(&self, org: &OrgId, now: Timestamp) -> bool {
        self.with(|asked| {
            let open = self.is_open(asked, org, now);
            if open {
                *asked.entry(org.clone()).or_default() += 1;
            }
            open
        })
    }

    fn is_open(&self, asked: &HashMap<OrgId, usize>, org: &OrgId, now: Timestamp) -> bool {
        let of_org = asked.get(org).copied().unwrap_or_default();
        now < self.until && of_org < OF_ONE && asked.values().sum::<usize>() < QUESTIONS
    }

    fn with<T>(&self, look: impl FnOnce(&mut HashMap<OrgId, usize>) -> T) -> T {
        look(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
