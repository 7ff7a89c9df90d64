//! Providers that do as they are told, behind the same traits as the real ones.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use channels::{Asked, Known, Limited, LookUp, Outcome, Outgoing, Problem, Sender, SenderProblem, Sought};
use domain::receipt::Report;
use domain::settings::ChannelSettings;
use domain::{Channel, Clock, FailureCode, MessageId, OrgId, Timestamp};
use serde_json::Value;
use store::directory::{AddressHash, UnsubscribeTokens};
use usecases::dispatch::Connect;
use usecases::reconcile::Ask;
use usecases::secrets::SecretError;

use crate::world::READ_NOW;

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
    /// When it came.
    pub at: Timestamp,
}

/// What the secrets hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// The provider's credentials.
    Whole,
    /// Only a part of them.
    Unfit,
    /// The whole of them again, for whoever reads them again: what is remembered is still a part.
    Renewed,
    /// Nobody knows: where they are kept does not answer.
    NoAnswer,
}

impl Credentials {
    fn check(&mut self, secret: &Value) -> Result<(), SecretError> {
        if *self == Self::Renewed && secret[READ_NOW] == true {
            *self = Self::Whole;
        }
        match self {
            Self::Whole => Ok(()),
            Self::Unfit | Self::Renewed => Err(SecretError::Unfit("a token")),
            Self::NoAnswer => Err(SecretError::Unavailable("as told".into())),
        }
    }
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
    /// Too fast for this recipient.
    ThrottleRecipient(Duration),
    /// Not reached: the connection was refused.
    NotReached,
    /// Refused for this recipient.
    Refuse(FailureCode),
    /// The recipient has opted out at the provider.
    OptedOut,
    /// The sender as a whole is refused.
    RefuseSender,
    /// The template is paused for everybody.
    PauseTemplate,
}

type Script = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

/// What the SMS provider says when it is asked about a message that it accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It has it, and does not know yet what becomes of it.
    OnItsWay,
    /// What became of it.
    Report(Report),
    /// It does not know it.
    NotKnown,
    /// It does not accept the credentials.
    Refused,
    /// It does not answer.
    NoAnswer,
}

/// A question that the SMS provider was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// About the message with this id of its own.
    Id(String),
    /// About messages to an address.
    To(String),
}

type Knowledge = Arc<dyn Fn(&Seen) -> Told + Send + Sync>;

/// All providers of a world: what they do, and what they accepted.
#[derive(Clone)]
pub struct Provider {
    inner: Arc<Mutex<Inner>>,
    tokens: UnsubscribeTokens,
    clock: Arc<dyn Clock>,
}

struct Inner {
    script: Script,
    knowledge: Knowledge,
    questions: Vec<Question>,
    accepted: Vec<Seen>,
    calls: Vec<Seen>,
    credentials: Credentials,
}

impl Provider {
    /// Providers that accept everything.
    pub fn new(tokens: UnsubscribeTokens, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner {
            script: Arc::new(|_| Answer::Accept),
            knowledge: Arc::new(|_| Told::OnItsWay),
            questions: Vec::new(),
            accepted: Vec::new(),
            calls: Vec::new(),
            credentials: Credentials::Whole,
        };
        Self { inner: Arc::new(Mutex::new(inner)), tokens, clock }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on `script` decides.
    pub fn answer(&self, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) {
        self.lock().script = Arc::new(script);
    }

    /// From now on `knowledge` decides what is told of what was accepted, also of what is listed.
    pub fn tell(&self, knowledge: impl Fn(&Seen) -> Told + Send + Sync + 'static) {
        self.lock().knowledge = Arc::new(knowledge);
    }

    /// Takes a message that does not come from the world, as from somebody else with the same account.
    pub fn accept_from_elsewhere(&self, seen: Seen) {
        self.lock().accepted.push(seen);
    }

    /// Everything that was asked, in order.
    pub fn questions(&self) -> Vec<Question> {
        self.lock().questions.clone()
    }

    /// The provider's id of the message that was accepted as the `number`-th, from 0.
    pub fn id_of(number: usize) -> String {
        format!("SM{}", number + 1)
    }

    fn told(&self, number: usize, seen: &Seen) -> Asked<Known> {
        let knowledge = Arc::clone(&self.lock().knowledge);
        let report = match knowledge(seen) {
            Told::OnItsWay => None,
            Told::Report(report) => Some(report),
            Told::NotKnown => return Asked::NotFound,
            Told::Refused => return Asked::Refused(Problem::new(Some("20003".into()), "as told")),
            Told::NoAnswer => return Asked::Failed(Problem::new(None, "as told")),
        };
        Asked::Found(Known {
            provider_message_id: Self::id_of(number),
            // Providers know whole seconds.
            accepted_at: Some(Timestamp::from_secs(seen.at.secs())),
            report,
            provider_code: None,
            segments: Some(1),
        })
    }

    /// What the secrets hold from now on.
    pub fn credentials(&self, credentials: Credentials) {
        self.lock().credentials = credentials;
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
                provider_message_id: Self::id_of(inner.accepted.len() - 1),
                segments: Some(1),
            },
            Answer::AcceptAndLoseAnswer | Answer::NoAnswer => Outcome::Unknown { problem: problem() },
            Answer::Throttle(after) => {
                Outcome::Retry { after, limited: Some(Limited::Sender), problem: problem() }
            }
            Answer::ThrottleRecipient(after) => {
                Outcome::Retry { after: Some(after), limited: Some(Limited::Recipient), problem: problem() }
            }
            Answer::NotReached => Outcome::Retry { after: None, limited: None, problem: problem() },
            Answer::Refuse(code) => Outcome::Refused { code, problem: problem() },
            Answer::OptedOut => Outcome::OptedOut { problem: problem() },
            Answer::RefuseSender => {
                Outcome::SenderRefused { reason: SenderProblem::Credentials, problem: problem() }
            }
            Answer::PauseTemplate => {
                Outcome::SenderRefused { reason: SenderProblem::TemplatePaused, problem: problem() }
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
        secret: &Value,
    ) -> Result<FakeSender, SecretError> {
        self.0.lock().credentials.check(secret)?;
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
            at: self.provider.clock.now(),
        })
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(10)
    }
}

/// The way to ask the SMS provider of a world.
#[derive(Clone)]
pub(crate) struct FakeAsk(pub(crate) Provider);

impl Ask for FakeAsk {
    const CHANNEL: Channel = Channel::Sms;
    type LookUp = Provider;

    fn connect(&self, _: &ChannelSettings, secret: &Value) -> Result<Provider, SecretError> {
        self.0.lock().credentials.check(secret)?;
        Ok(self.0.clone())
    }
}

impl LookUp for Provider {
    const TIMEOUT: Duration = Duration::from_secs(10);

    async fn by_id(&self, provider_message_id: &str) -> Asked<Known> {
        tokio::task::yield_now().await;
        self.lock().questions.push(Question::Id(provider_message_id.to_owned()));
        let accepted = self.accepted().into_iter().enumerate();
        let of_id = |(number, _): &(usize, Seen)| Self::id_of(*number) == provider_message_id;
        accepted.into_iter().find(of_id).map_or(Asked::NotFound, |(number, seen)| self.told(number, &seen))
    }

    async fn fitting(&self, sought: &Sought<'_>) -> Asked<Vec<Known>> {
        tokio::task::yield_now().await;
        self.lock().questions.push(Question::To(sought.to.as_str().to_owned()));
        let mut fitting = Vec::new();
        for (number, seen) in self.accepted().iter().enumerate() {
            let in_time = sought.from <= seen.at && seen.at <= sought.until;
            let like =
                seen.channel == Channel::Sms && seen.to == sought.to.as_str() && seen.text == sought.text;
            if in_time && like {
                match self.told(number, seen) {
                    Asked::Found(known) => fitting.push(known),
                    Asked::NotFound => {}
                    Asked::Refused(problem) => return Asked::Refused(problem),
                    Asked::Failed(problem) => return Asked::Failed(problem),
                }
            }
        }
        Asked::Found(fitting)
    }
}
