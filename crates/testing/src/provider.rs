//! Providers that do as they are told, behind the same traits as the real ones.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use channels::{Outcome, Outgoing, Problem, Sender, SenderProblem};
use domain::settings::ChannelSettings;
use domain::{Channel, FailureCode, MessageId, OrgId};
use serde_json::Value;
use store::directory::{AddressHash, UnsubscribeTokens};
use usecases::dispatch::Connect;
use usecases::secrets::SecretError;

/// A message as the provider saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Our id, which came along.
    pub message_id: MessageId,
    /// The channel.
    pub channel: Channel,
    /// Where it went.
    pub to: String,
    /// What it said.
    pub text: String,
    /// Where its recipient can opt out.
    pub unsubscribe_url: Option<String>,
    /// Where its recipient can answer.
    pub reply_to: Option<String>,
}

/// What the provider does with a message.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Accepts it.
    Accept,
    /// Accepts it, and the answer is lost.
    AcceptAndLoseAnswer,
    /// A server error, or a time-out before it was accepted: we cannot tell it from [`Self::AcceptAndLoseAnswer`].
    NoAnswer,
    /// Too fast.
    Throttle(Option<Duration>),
    /// Not reached: the connection was refused.
    NotReached,
    /// Refused for this recipient.
    Refuse(FailureCode),
    /// The recipient has opted out at the provider.
    OptedOut,
    /// The sender as a whole is refused.
    RefuseSender,
}

type Script = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

/// All providers of a world: what they do, and what they accepted.
#[derive(Clone)]
pub struct Provider {
    inner: Arc<Mutex<Inner>>,
    tokens: UnsubscribeTokens,
}

struct Inner {
    script: Script,
    accepted: Vec<Seen>,
    calls: Vec<Seen>,
    credentials: bool,
}

impl Provider {
    /// Providers that accept everything.
    pub fn new(tokens: UnsubscribeTokens) -> Self {
        let inner = Inner {
            script: Arc::new(|_| Answer::Accept),
            accepted: Vec::new(),
            calls: Vec::new(),
            credentials: true,
        };
        Self { inner: Arc::new(Mutex::new(inner)), tokens }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on `script` decides.
    pub fn answer(&self, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) {
        self.lock().script = Arc::new(script);
    }

    /// Whether the secrets hold the provider's credentials from now on.
    pub fn credentials(&self, there: bool) {
        self.lock().credentials = there;
    }

    /// Everything that was accepted, in order: the ledger.
    pub fn accepted(&self) -> Vec<Seen> {
        self.lock().accepted.clone()
    }

    /// Every call, in order.
    pub fn calls(&self) -> Vec<Seen> {
        self.lock().calls.clone()
    }

    fn call(&self, seen: Seen) -> Outcome {
        let script = Arc::clone(&self.lock().script);
        let answer = script(&seen);
        let mut inner = self.lock();
        inner.calls.push(seen.clone());
        let problem = || Problem::new(Some("42".into()), "as told");
        if matches!(answer, Answer::Accept | Answer::AcceptAndLoseAnswer) {
            inner.accepted.push(seen);
        }
        match answer {
            Answer::Accept => Outcome::Accepted {
                provider_message_id: format!("SM{}", inner.accepted.len()),
                segments: Some(1),
            },
            Answer::AcceptAndLoseAnswer | Answer::NoAnswer => Outcome::Unknown { problem: problem() },
            Answer::Throttle(after) => Outcome::Retry { after, slow_down: true, problem: problem() },
            Answer::NotReached => Outcome::Retry { after: None, slow_down: false, problem: problem() },
            Answer::Refuse(code) => Outcome::Refused { code, problem: problem() },
            Answer::OptedOut => Outcome::OptedOut { problem: problem() },
            Answer::RefuseSender => {
                Outcome::SenderRefused { reason: SenderProblem::Credentials, problem: problem() }
            }
        }
    }
}

/// A channel of a world's providers.
#[derive(Clone)]
pub(crate) struct FakeChannel<const CHANNEL: usize>(pub(crate) Provider);

/// A sender of such a channel.
pub(crate) struct FakeSender {
    provider: Provider,
    channel: Channel,
    reply_to: Option<String>,
}

impl<const CHANNEL: usize> Connect for FakeChannel<CHANNEL> {
    const CHANNEL: Channel = Channel::ALL[CHANNEL];
    type Sender = FakeSender;

    fn connect(
        &self,
        _org: &OrgId,
        settings: &ChannelSettings,
        _secret: &Value,
    ) -> Result<FakeSender, SecretError> {
        if !self.0.lock().credentials {
            return Err(SecretError::Unfit("a token"));
        }
        Ok(FakeSender {
            provider: self.0.clone(),
            channel: Self::CHANNEL,
            reply_to: settings.reply_to.clone(),
        })
    }

    fn unsubscribe_url(&self, org: &OrgId, address: &AddressHash) -> Option<String> {
        let token = || self.0.tokens.make(org, Channel::Email, address);
        (Self::CHANNEL == Channel::Email).then(|| format!("https://tidings.test/unsubscribe/{}", token()))
    }
}

impl Sender for FakeSender {
    async fn send(&self, message: &Outgoing<'_>) -> Outcome {
        // A call takes at least one turn of the runtime, so that calls of a group really overlap.
        tokio::task::yield_now().await;
        self.provider.call(Seen {
            message_id: message.message_id,
            channel: self.channel,
            to: message.to.as_str().to_owned(),
            text: message.content.text().to_owned(),
            unsubscribe_url: message.unsubscribe_url.map(str::to_owned),
            reply_to: self.reply_to.clone(),
        })
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(10)
    }
}
