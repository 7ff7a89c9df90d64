//! Twilio, when it is asked what became of a message.

use std::sync::Arc;
use std::time::Duration;

use channels::{Asked, Known, LookUp, Problem, Sought};
use domain::receipt::Report;
use domain::settings::ChannelSettings;
use domain::{Channel, FailureCode, Timestamp};
use serde_json::Value;
use tokio::time::sleep;
use usecases::reconcile::Ask;
use usecases::secrets::SecretError;

use super::core::Core;
use super::ledger::Accepted;
use super::network::millis;
use super::provider::Nature;
use super::time::Time;

/// The way to ask.
#[derive(Debug, Clone)]
pub(crate) struct SimAsk(pub(crate) Arc<Core>);

impl Ask for SimAsk {
    const CHANNEL: Channel = Channel::Sms;
    type LookUp = Self;

    fn connect(&self, _: &ChannelSettings, _: &Value) -> Result<Self, SecretError> {
        Ok(self.clone())
    }
}

impl LookUp for SimAsk {
    const TIMEOUT: Duration = Duration::from_secs(10);

    async fn by_id(&self, provider_message_id: &str) -> Asked<Known> {
        if let Some(problem) = self.trouble(provider_message_id).await {
            return Asked::Failed(problem);
        }
        let accepted = self.0.ledger.accepted().into_iter();
        let known = accepted.into_iter().find(|accepted| accepted.provider_id() == provider_message_id);
        known.map_or(Asked::NotFound, |accepted| Asked::Found(self.known(&accepted)))
    }

    async fn fitting(&self, sought: &Sought<'_>) -> Asked<Vec<Known>> {
        if let Some(problem) = self.trouble(sought.to.as_str()).await {
            return Asked::Failed(problem);
        }
        let fits = |accepted: &&Accepted| {
            let at = Self::at(accepted);
            accepted.channel == Channel::Sms
                && accepted.to == sought.to.as_str()
                && accepted.text == sought.text
                && sought.from <= at
                && at <= sought.until
        };
        Asked::Found(
            self.0.ledger.accepted().iter().filter(fits).map(|accepted| self.known(accepted)).collect(),
        )
    }
}

impl SimAsk {
    /// What keeps it from answering.
    async fn trouble(&self, about: &str) -> Option<Problem> {
        let core = &self.0;
        core.diary.note("reconcile", format!("asks Twilio about {about}"), Vec::new());
        let faults = &core.faults.provider;
        let fails = core.loses_answer() || core.fault(faults.no_answer) || core.fault(faults.not_reached);
        sleep(millis(if fails { 10_000 } else { core.dice.mostly_small(1, 500) })).await;
        fails.then(|| Problem::new(None, "as told"))
    }

    /// The provider knows whole seconds.
    fn at(accepted: &Accepted) -> Timestamp {
        Timestamp::from_secs(Time::at(accepted.at_ms).secs())
    }

    fn known(&self, accepted: &Accepted) -> Known {
        let report = match Nature::of(&accepted.to) {
            Nature::Fails => Some(Report::Failed(FailureCode::Undeliverable)),
            // Now and then it knows no more than that it has it.
            _ if accepted.number.is_multiple_of(3) => None,
            _ => Some(Report::Delivered),
        };
        if let Some(report) = report {
            self.0.ledger.told(accepted.id, report);
        }
        Known {
            provider_message_id: accepted.provider_id(),
            accepted_at: Some(Self::at(accepted)),
            report,
            provider_code: None,
            segments: Some(1),
        }
    }
}
