//! The way to a provider: credentials, the sender's state, and what its answers say about the sender as a whole.

use std::time::Duration;

use channels::ses::{SesClient, SesConfig, SesSender};
use channels::twilio::{TwilioConfig, TwilioSender};
use channels::whatsapp::{WhatsAppConfig, WhatsAppSender};
use channels::{Limited, Outcome, Secret, Sender};
use domain::opt_out::Source;
use domain::pace::{Ahead, Meter, Terms};
use domain::settings::{ChannelSettings, ChannelStatus};
use domain::{Channel, OrgId, Timestamp};
use serde_json::Value;
use store::directory::{AddressHash, UnsubscribeTokens};
use store::pace::SenderNow;
use store::row::Row;

use super::outcome::SLOWED_FOR;
use super::{Dispatch, GROUP, PROBE_AFTER};
use crate::Error;
use crate::secrets::{SecretError, field};

/// A way to one channel's provider.
pub trait Connect: Send + Sync {
    /// The channel.
    const CHANNEL: Channel;
    /// The adapter.
    type Sender: Sender;

    /// A sender of an organisation with its credentials.
    ///
    /// # Errors
    /// If the secret lacks a field.
    fn connect(
        &self,
        org: &OrgId,
        settings: &ChannelSettings,
        secret: &Value,
    ) -> Result<Self::Sender, SecretError>;

    /// Where the owner of an address can opt out, on channels whose messages carry that.
    fn unsubscribe_url(&self, _org: &OrgId, _address: &AddressHash) -> Option<String> {
        None
    }
}

/// SMS through Twilio.
pub struct Sms {
    /// The HTTP client.
    pub http: channels::HttpClient,
    /// Twilio's host.
    pub base_url: String,
    /// Our own, for callbacks.
    pub public_base_url: String,
}

impl Connect for Sms {
    const CHANNEL: Channel = Channel::Sms;
    type Sender = TwilioSender;

    fn connect(
        &self,
        org: &OrgId,
        settings: &ChannelSettings,
        secret: &Value,
    ) -> Result<TwilioSender, SecretError> {
        let config = TwilioConfig {
            base_url: self.base_url.clone(),
            account_sid: field(secret, "account_sid")?.to_owned(),
            auth_token: Secret::new(field(secret, "auth_token")?),
            sender: settings.sender.clone(),
            status_callback: format!("{}/webhooks/twilio/{org}/status", self.public_base_url),
            validity_period: None,
        };
        Ok(TwilioSender::new(self.http.clone(), config))
    }
}

/// WhatsApp through Meta's Cloud API.
pub struct WhatsApp {
    /// The HTTP client.
    pub http: channels::HttpClient,
    /// Meta's host.
    pub base_url: String,
    /// The version of the Graph API, e.g. `v25.0`.
    pub api_version: String,
}

impl Connect for WhatsApp {
    const CHANNEL: Channel = Channel::WhatsApp;
    type Sender = WhatsAppSender;

    fn connect(
        &self,
        _org: &OrgId,
        settings: &ChannelSettings,
        secret: &Value,
    ) -> Result<WhatsAppSender, SecretError> {
        let config = WhatsAppConfig {
            base_url: self.base_url.clone(),
            api_version: self.api_version.clone(),
            access_token: Secret::new(field(secret, "access_token")?),
            phone_number_id: settings.sender.clone(),
        };
        Ok(WhatsAppSender::new(self.http.clone(), config))
    }
}

/// Email through Amazon SES.
pub struct Email {
    /// The SES client, with its own retries off.
    pub client: SesClient,
    /// The configuration set that makes SES report what happens.
    pub configuration_set: String,
    /// Makes the links with which recipients opt out.
    pub tokens: UnsubscribeTokens,
    /// Our own host, for those links.
    pub public_base_url: String,
}

impl Connect for Email {
    const CHANNEL: Channel = Channel::Email;
    type Sender = SesSender;

    fn connect(
        &self,
        _org: &OrgId,
        settings: &ChannelSettings,
        _secret: &Value,
    ) -> Result<SesSender, SecretError> {
        let config = SesConfig {
            from: settings.sender.parse().map_err(|_| SecretError::Unfit("a sender that is a mailbox"))?,
            reply_to: settings.reply_to.as_deref().and_then(|mailbox| mailbox.parse().ok()),
            configuration_set: Some(self.configuration_set.clone()),
        };
        Ok(SesSender::new(self.client.clone(), config))
    }

    fn unsubscribe_url(&self, org: &OrgId, address: &AddressHash) -> Option<String> {
        let token = self.tokens.make(org, Channel::Email, address);
        Some(format!("{}/unsubscribe/{token}", self.public_base_url))
    }
}

/// An open way to the provider, with what is known of the sender.
pub(super) struct Line<S> {
    pub(super) sender: S,
    state: State,
    pub(super) terms: Terms,
    pub(super) meter: Option<Meter>,
    /// How far ahead we may take slots.
    pub(super) ahead: Ahead,
    /// How long we take from taking slots to using them.
    pub(super) lead: Duration,
    /// Whether it was looked at for the next group.
    seen: bool,
}

/// What a group may hold. One message is always a group.
pub(super) struct GroupSize {
    pub(super) messages: usize,
    pub(super) units: u64,
}

/// Whether the sender takes messages, as far as is known.
enum State {
    Active,
    /// The provider refused it as a whole; one message tries it again after a while.
    Refused {
        at: Timestamp,
    },
    /// A person paused it: only a person resumes it.
    Held,
}

impl State {
    fn of(settings: &ChannelSettings) -> Self {
        match (settings.status, settings.status_at) {
            (ChannelStatus::Active, _) => Self::Active,
            (ChannelStatus::Paused, Some(at)) if !settings.held => Self::Refused { at },
            (ChannelStatus::Paused, _) => Self::Held,
        }
    }

    /// Whether nothing is tried now.
    fn rests(&self, now: Timestamp) -> bool {
        match self {
            Self::Active => false,
            Self::Refused { at } => now < *at + PROBE_AFTER,
            Self::Held => true,
        }
    }
}

/// What came of opening the way to the provider.
pub(super) enum Opened<S> {
    /// It is open.
    Line(Line<S>),
    /// The organisation no longer has the channel.
    NotConfigured,
    /// The credentials are not there or not complete: the sender is paused and says so.
    NoCredentials,
    /// Where the credentials are kept gives no answer: that says nothing about the sender, nor about the parcel.
    NoAnswer,
}

pub(super) async fn open<C: Connect>(
    deps: &Dispatch<C>,
    org: &OrgId,
    ahead: Ahead,
) -> Result<Opened<C::Sender>, Error> {
    let Some(SenderNow { mut settings, meter, .. }) = deps.store.sender(org, C::CHANNEL).await? else {
        return Ok(Opened::NotConfigured);
    };
    if C::CHANNEL == Channel::Email && settings.reply_to.is_none() {
        let organisation = deps.store.organisation(org).await?;
        settings.reply_to = organisation.and_then(|organisation| organisation.reply_to);
    }
    let (state, terms) = (State::of(&settings), Terms::from(&settings));
    let tries_again = matches!(state, State::Refused { .. }) && !state.rests(deps.clock.now());
    match connect(deps, org, &settings, tries_again).await {
        Ok(sender) => {
            Ok(Opened::Line(Line { sender, state, terms, meter, ahead, lead: Duration::ZERO, seen: true }))
        }
        Err(error @ SecretError::Unavailable(_)) => {
            tracing::error!(org_id = %org, channel = %C::CHANNEL, error = %telemetry::chain(&error), "credentials cannot be read");
            Ok(Opened::NoAnswer)
        }
        Err(error @ (SecretError::NotFound | SecretError::Unfit(_))) => {
            let reason = format!("The credentials of this channel cannot be used: {error}");
            deps.store.pause_channel(org, C::CHANNEL, &reason, deps.clock.now()).await?;
            Ok(Opened::NoCredentials)
        }
    }
}

async fn connect<C: Connect>(
    deps: &Dispatch<C>,
    org: &OrgId,
    settings: &ChannelSettings,
    tries_again: bool,
) -> Result<C::Sender, SecretError> {
    let secret = match &settings.secret_ref {
        // The credentials may be what was refused.
        Some(name) if ChannelSettings::needs_secret(C::CHANNEL) && tries_again => {
            deps.secrets.secret_now(org, name).await?
        }
        Some(name) if ChannelSettings::needs_secret(C::CHANNEL) => deps.secrets.secret(org, name).await?,
        Some(_) | None => Value::Null,
    };
    deps.connect.connect(org, settings, &secret)
}

impl<S: Sender> Line<S> {
    /// Reads the sender's state, its terms and its meter again. A channel that was taken away stays as it was until the parcel is claimed anew.
    pub(super) async fn look<C: Connect<Sender = S>>(
        &mut self,
        deps: &Dispatch<C>,
        org: &OrgId,
    ) -> Result<(), Error> {
        let seen = deps.store.sender(org, C::CHANNEL).await?;
        self.take_in(seen);
        Ok(())
    }

    /// Reads the same before it is decided how large the next group is, which then need not read it again.
    pub(super) async fn look_before_group<C: Connect<Sender = S>>(
        &mut self,
        deps: &Dispatch<C>,
        org: &OrgId,
    ) -> Result<(), Error> {
        self.look(deps, org).await?;
        self.seen = true;
        Ok(())
    }

    /// Reads the same for a group that is about to begin, unless that was just done. To be taken in.
    pub(super) async fn look_ahead<C: Connect<Sender = S>>(
        &self,
        deps: &Dispatch<C>,
        org: &OrgId,
    ) -> Result<Option<SenderNow>, Error> {
        Ok(if self.seen { None } else { deps.store.sender(org, C::CHANNEL).await? })
    }

    /// What was read; the next group has to look again.
    pub(super) fn take_in(&mut self, seen: Option<SenderNow>) {
        if let Some(SenderNow { settings, meter, .. }) = seen {
            self.state = State::of(&settings);
            self.terms = Terms::from(&settings);
            self.meter = meter;
        }
        self.seen = false;
    }

    /// Whether the sender was refused as a whole so recently that nothing is tried.
    pub(super) fn resting(&self, now: Timestamp) -> bool {
        self.state.rests(now)
    }

    /// Whether nobody has slots of it that are still to come.
    pub(super) fn is_free(&self, now: Timestamp) -> bool {
        self.meter.as_ref().is_some_and(|meter| meter.is_free(now))
    }

    /// How many messages go together. A paused sender is tried with a single one.
    pub(super) fn group_size(&self, now: Timestamp) -> GroupSize {
        let Some(meter) = &self.meter else { return GroupSize { messages: 1, units: 1 } };
        let room = usize::try_from(meter.room(now)).unwrap_or(usize::MAX);
        match self.state {
            State::Active => {
                GroupSize { messages: GROUP.min(room).max(1), units: meter.units_of_a_group(self.terms, now) }
            }
            State::Refused { .. } | State::Held => GroupSize { messages: 1, units: 1 },
        }
    }

    /// Draws conclusions from one answer about the sender and the address.
    pub(super) async fn learn<C: Connect<Sender = S>>(
        &mut self,
        deps: &Dispatch<C>,
        org: &OrgId,
        outcome: &Outcome,
        row: &Row,
        at: Timestamp,
    ) -> Result<(), Error> {
        match outcome {
            Outcome::SenderRefused { reason, .. } => {
                self.state = State::Refused { at };
                deps.store.pause_channel(org, C::CHANNEL, reason.sentence(), at).await?;
            }
            Outcome::Accepted { .. } if matches!(self.state, State::Refused { .. }) => {
                self.state = State::Active;
                deps.store.resume_channel(org, C::CHANNEL, at).await?;
            }
            Outcome::OptedOut { .. } => {
                if let Some(address) = &row.address {
                    let hash = deps.store.address_hash(org, address);
                    deps.store.opt_out_address(org, C::CHANNEL, &hash, Source::Provider, at, at).await?;
                }
            }
            Outcome::Retry { limited: Some(Limited::Sender), after, .. } => {
                if let Some(meter) = &self.meter {
                    let slowed = meter.slower(at + after.unwrap_or(SLOWED_FOR), at);
                    deps.store.slow_down(org, C::CHANNEL, slowed).await?;
                }
            }
            Outcome::Accepted { .. }
            | Outcome::Retry { .. }
            | Outcome::Unknown { .. }
            | Outcome::Refused { .. } => {}
        }
        Ok(())
    }
}
