//! The providers: they accept, refuse, stall, and accept without answering.

use std::sync::Arc;
use std::time::Duration;

use channels::{Limited, Outcome, Outgoing, Problem, Sender, SenderProblem};
use domain::settings::ChannelSettings;
use domain::{Channel, FailureCode, OrgId, Timestamp, segments};
use serde_json::Value;
use store::directory::{AddressHash, UnsubscribeTokens};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;
use usecases::dispatch::Connect;
use usecases::secrets::SecretError;

use super::core::{About, Core};
use super::ledger::Accepted;
use super::network::millis;
use super::sabotage::Sabotage;
use super::time::Caller;

/// The longest that a call takes.
const TIMEOUT_MS: u64 = 10_000;
/// When senders are refused as a whole, in milliseconds since the beginning.
const REFUSED_MS: std::ops::Range<u64> = 20_000..120_000;

/// How the owner of an address fares, always. The last digit of the number, or the last letter before the `@`, says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Is reached.
    Reached,
    /// The provider refuses the address.
    Refused,
    /// The message is accepted and fails.
    Fails,
    /// The provider holds an opt-out.
    OptedOutThere,
}

impl Nature {
    pub(crate) fn of(address: &str) -> Self {
        let local = address.split('@').next().unwrap_or_default();
        match local.as_bytes().last() {
            Some(b'7') => Self::Refused,
            Some(b'8') => Self::Fails,
            Some(b'9') => Self::OptedOutThere,
            _ => Self::Reached,
        }
    }
}

/// The way to one channel's provider.
#[derive(Debug, Clone)]
pub(crate) struct SimChannel<const CHANNEL: usize> {
    pub(crate) core: Arc<Core>,
    pub(crate) tokens: UnsubscribeTokens,
    /// Whoever reports on what was accepted.
    pub(crate) reporter: UnboundedSender<Accepted>,
}

impl<const CHANNEL: usize> Connect for SimChannel<CHANNEL> {
    const CHANNEL: Channel = Channel::ALL[CHANNEL];
    type Sender = Self;

    fn connect(&self, _: &OrgId, _: &ChannelSettings, _: &Value) -> Result<Self, SecretError> {
        Ok(self.clone())
    }

    fn unsubscribe_url(&self, org: &OrgId, address: &AddressHash) -> Option<String> {
        let token = || self.tokens.make(org, Channel::Email, address);
        (Self::CHANNEL == Channel::Email).then(|| format!("https://tidings.test/unsubscribe/{}", token()))
    }
}

impl<const CHANNEL: usize> Sender for SimChannel<CHANNEL> {
    async fn send(&self, message: &Outgoing<'_>) -> Outcome {
        let (core, channel) = (&self.core, Self::CHANNEL);
        let (id, to, text) = (message.message_id, message.to.as_str(), message.content.text());
        let who = Caller::current().map(|caller| caller.name.clone()).unwrap_or_default();
        core.diary.note(&who, format!("calls the {channel} provider for {id}"), vec![id.to_string()]);
        self.check_opt_out(message);
        self.note_pace(text);
        let outcome = self.fate(id, to, text).await;
        let told = match &outcome {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Retry { .. } => "try again",
            Outcome::Unknown { .. } => "no answer",
            Outcome::Refused { .. } => "refused",
            Outcome::OptedOut { .. } => "opted out",
            Outcome::SenderRefused { .. } => "the sender is refused",
        };
        core.diary.note("provider", format!("{id}: {told}"), vec![id.to_string()]);
        match outcome {
            Outcome::Unknown { problem } if core.sabotage == Some(Sabotage::RetriesUnknown) => {
                Outcome::Retry { after: None, limited: None, problem }
            }
            outcome => outcome,
        }
    }

    fn timeout(&self) -> Duration {
        millis(TIMEOUT_MS)
    }
}

impl<const CHANNEL: usize> SimChannel<CHANNEL> {
    /// P4: no request follows a gate-2 read that began after the acknowledgement of an opt-out.
    fn check_opt_out(&self, message: &Outgoing<'_>) {
        let (id, to) = (message.message_id, message.to.as_str());
        let acknowledged = self.core.ledger.request(id, Self::CHANNEL, to);
        let gate = Caller::current().map_or(0, |caller| caller.gate_began());
        if let Some(acknowledged) = acknowledged.filter(|acknowledged| gate == 0 || *acknowledged < gate) {
            let what = format!(
                "{id} was sent although an opt-out was acknowledged (entry {acknowledged}) before gate 2 was read (entry {gate})"
            );
            self.core.violated("P4", About::Message(id), what);
        }
    }

    /// P7: what is asked of the sender, judged at the end.
    fn note_pace(&self, text: &str) {
        let (core, skew_ms) = (&self.core, Caller::current().map_or(0, |caller| caller.skew_ms));
        let clock = Timestamp::from_millis(core.time.millis() + skew_ms);
        let segments = u64::from(segments::count(text).segments);
        let units = if Self::CHANNEL == Channel::Sms { segments } else { 1 };
        core.pace.calls(Self::CHANNEL, clock, core.time.elapsed_ms(), units);
    }

    async fn fate(&self, id: domain::MessageId, to: &str, text: &str) -> Outcome {
        let core = &self.core;
        let faults = &core.faults.provider;
        let problem = || Problem::new(Some("42".into()), "as told");
        let lost = core.loses_answer() || core.fault(faults.answer_lost);
        let there = core.dice.mostly_small(1, 50);
        let back = core.dice.mostly_small(1, 50);
        let back = if core.fault(faults.slow) { core.dice.between(50, 12_000) } else { back };
        if core.fault(faults.not_reached) {
            sleep(millis(there)).await;
            return Outcome::Retry { after: None, limited: None, problem: problem() };
        }
        if core.fault(faults.throttled) {
            sleep(millis(there + back.min(100))).await;
            return Outcome::Retry { after: None, limited: Some(Limited::Sender), problem: problem() };
        }
        if core.fault(faults.no_answer) {
            sleep(millis(TIMEOUT_MS)).await;
            return Outcome::Unknown { problem: problem() };
        }
        let refused =
            faults.sender_refused && REFUSED_MS.contains(&core.time.elapsed_ms()) && !core.is_healed();
        let refusal = match Nature::of(to) {
            _ if refused => {
                Some(Outcome::SenderRefused { reason: SenderProblem::Credentials, problem: problem() })
            }
            Nature::Refused => Some(Outcome::Refused { code: FailureCode::InvalidPhone, problem: problem() }),
            Nature::OptedOutThere => Some(Outcome::OptedOut { problem: problem() }),
            Nature::Reached | Nature::Fails => None,
        };
        if let Some(refusal) = refusal {
            sleep(millis(there + back.min(100))).await;
            return refusal;
        }
        self.accept_after(there, id, to, text);
        if lost || there + back > TIMEOUT_MS {
            sleep(millis(TIMEOUT_MS)).await;
            return Outcome::Unknown { problem: problem() };
        }
        sleep(millis(there + back)).await;
        let number =
            core.ledger.accepted().iter().rfind(|accepted| accepted.id == id).map(Accepted::provider_id);
        Outcome::Accepted { provider_message_id: number.unwrap_or_default(), segments: Some(1) }
    }

    /// The request arrives, whatever becomes of whoever made it.
    fn accept_after(&self, after_ms: u64, id: domain::MessageId, to: &str, text: &str) {
        let (core, reporter) = (Arc::clone(&self.core), self.reporter.clone());
        let (to, text) = (to.to_owned(), text.to_owned());
        tokio::spawn(async move {
            sleep(millis(after_ms)).await;
            let accepted = core.ledger.accept(id, Self::CHANNEL, &to, &text, core.time.elapsed_ms());
            core.diary.note(
                "provider",
                format!("{id}: taken, number {}", accepted.number),
                vec![id.to_string()],
            );
            // Nobody reports any more once the simulation has ended.
            reporter.send(accepted).ok();
        });
    }
}
