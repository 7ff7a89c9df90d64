//! How the twins behave: pace, latency, errors, lost answers and what becomes of callbacks.

mod patch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::Connection;
use serde::{Deserialize, Serialize, Serializer};

pub(crate) use patch::{Patch, parse};

use crate::chance::Draws;
use crate::database::{keep_setting, setting};
use crate::pace::Bucket;
use crate::provider::Provider;

/// One provider's behaviour. The default accepts everything at once and reports soon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Behaviour {
    /// More than this is refused as the provider does; `None`: no limit.
    pub(crate) rate_per_second: Option<f64>,
    /// Each send waits so long before anything happens to it.
    pub(crate) latency_ms: u64,
    /// Share of sends that are answered with a 500 and not accepted.
    pub(crate) error_rate: f64,
    /// Share of accepted sends whose answer is lost.
    pub(crate) timeout_after_accept_rate: f64,
    pub(crate) callback: CallbackBehaviour,
    /// Decides everything that is left to chance: the same seed and sends, the same outcomes.
    pub(crate) seed: u64,
}

/// What becomes of the reports on a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CallbackBehaviour {
    /// From acceptance to the first report; the next follows at most [`STEP_MS`] later.
    pub(crate) delay_ms: u64,
    /// Share of reports that are posted twice.
    pub(crate) duplicate_rate: f64,
    /// Share of messages whose reports are posted in the opposite order; `true` and `false` stand for 1 and 0.
    #[serde(serialize_with = "rate_or_bool", deserialize_with = "patch::rate_or_bool")]
    pub(crate) reorder: f64,
    /// Share of reports that are never posted.
    pub(crate) drop_rate: f64,
    /// WhatsApp: share of delivered messages that are then reported as read.
    pub(crate) read_rate: f64,
}

/// The most that lies between two reports on one message.
pub(crate) const STEP_MS: u64 = 80;

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            rate_per_second: None,
            latency_ms: 0,
            error_rate: 0.0,
            timeout_after_accept_rate: 0.0,
            callback: CallbackBehaviour::default(),
            seed: 0,
        }
    }
}

impl Default for CallbackBehaviour {
    fn default() -> Self {
        Self { delay_ms: 20, duplicate_rate: 0.0, reorder: 0.0, drop_rate: 0.0, read_rate: 0.0 }
    }
}

impl Behaviour {
    /// Names every field, so that a new rate is not forgotten here.
    fn leaves_to_chance(&self) -> bool {
        let Self {
            rate_per_second: _,
            latency_ms: _,
            error_rate,
            timeout_after_accept_rate,
            callback,
            seed: _,
        } = self;
        let CallbackBehaviour { delay_ms: _, duplicate_rate, reorder, drop_rate, read_rate } = callback;
        [error_rate, timeout_after_accept_rate, duplicate_rate, reorder, drop_rate, read_rate]
            .into_iter()
            .any(|rate| *rate > 0.0)
    }
}

impl CallbackBehaviour {
    /// When the report of this number (from 0) happens, in milliseconds from acceptance.
    pub(crate) fn step_ms(&self, number: u64) -> u64 {
        self.delay_ms + number * STEP_MS.min(self.delay_ms * 4)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn rate_or_bool<S: Serializer>(rate: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match *rate {
        0.0 => serializer.serialize_bool(false),
        1.0 => serializer.serialize_bool(true),
        rate => serializer.serialize_f64(rate),
    }
}

/// What was decided about one send before looking at its content.
pub(crate) enum Admission {
    /// Refused: over the rate.
    TooFast,
    /// The provider fails without accepting.
    Broken,
    /// To be judged on its content.
    Pass(Course),
}

/// What will happen around one send.
pub(crate) struct Course {
    pub(crate) behaviour: Arc<Behaviour>,
    pub(crate) draws: Draws,
}

impl Course {
    /// Whether the answer is to be lost if the message is accepted.
    pub(crate) fn loses_answer(&self) -> bool {
        self.draws.hit("timeout_after_accept", self.behaviour.timeout_after_accept_rate)
    }
}

/// One provider's behaviour with what it has to remember.
#[derive(Default)]
struct State {
    behaviour: Arc<Behaviour>,
    /// Sends so far by recipient, so that chance does not depend on how sends to different people interleave. Not counted
    /// where nothing is left to chance: of a million recipients it would be much to remember.
    attempts: HashMap<String, u64>,
    /// By the account that the provider counts for.
    buckets: HashMap<String, Bucket>,
}

/// The behaviour of all three, kept in the database, because the world outside does not change when the stack restarts.
pub(crate) struct Behaviours {
    states: Mutex<HashMap<Provider, State>>,
}

impl Behaviours {
    /// Reads what was kept. An entry that cannot be read any more counts as the default.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut states = HashMap::new();
        for provider in Provider::ALL {
            let kept = setting(connection, &setting_name(provider))?;
            let behaviour = kept.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
            states.insert(provider, State { behaviour: Arc::new(behaviour), ..State::default() });
        }
        Ok(Self { states: Mutex::new(states) })
    }

    fn states(&self) -> MutexGuard<'_, HashMap<Provider, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn of(&self, provider: Provider) -> Arc<Behaviour> {
        Arc::clone(&self.states().entry(provider).or_default().behaviour)
    }

    /// Changes what the patch names; counting and chance start afresh.
    pub(crate) fn apply(&self, patch: &Patch) -> Arc<Behaviour> {
        let mut states = self.states();
        let state = states.entry(patch.provider).or_default();
        let behaviour = Arc::new(patch.applied_to(&state.behaviour));
        *state = State { behaviour: Arc::clone(&behaviour), ..State::default() };
        behaviour
    }

    pub(crate) fn keep(
        connection: &Connection,
        provider: Provider,
        behaviour: &Behaviour,
    ) -> rusqlite::Result<()> {
        let json = serde_json::to_string(behaviour).unwrap_or_default();
        keep_setting(connection, &setting_name(provider), &json)
    }

    /// Decides about one send: rate first, as providers refuse before they process.
    pub(crate) fn admit(
        &self,
        provider: Provider,
        account: &str,
        recipient: &str,
        now: Instant,
    ) -> Admission {
        let mut states = self.states();
        let state = states.entry(provider).or_default();
        let behaviour = Arc::clone(&state.behaviour);
        if let Some(rate) = behaviour.rate_per_second {
            let bucket = state.buckets.entry(account.to_owned()).or_insert_with(|| Bucket::full(rate, now));
            if !bucket.take(rate, now) {
                return Admission::TooFast;
            }
        }
        let attempt = if behaviour.leaves_to_chance() {
            let attempt = state.attempts.entry(recipient.to_owned()).or_default();
            *attempt += 1;
            *attempt
        } else {
            0
        };
        let draws = Draws::new(behaviour.seed, format!("{} {recipient} {attempt}", provider.name()));
        if draws.hit("error", behaviour.error_rate) {
            return Admission::Broken;
        }
        Admission::Pass(Course { behaviour, draws })
    }
}

fn setting_name(provider: Provider) -> String {
    format!("behaviour.{}", provider.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn behaviours(patch: &serde_json::Value) -> Behaviours {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT)").unwrap();
        let behaviours = Behaviours::load(&connection).unwrap();
        behaviours.apply(&parse(patch.as_object().unwrap()).unwrap());
        behaviours
    }

    fn outcomes(behaviours: &Behaviours, recipients: &[&str]) -> Vec<(String, bool)> {
        let now = Instant::now();
        let mut outcomes: Vec<_> = recipients
            .iter()
            .map(|to| {
                let broken = matches!(behaviours.admit(Provider::Ses, "", to, now), Admission::Broken);
                ((*to).to_owned(), broken)
            })
            .collect();
        outcomes.sort();
        outcomes
    }

    #[test]
    fn a_seed_decides_the_same_whatever_the_order_of_recipients() {
        let patch = json!({"provider": "ses", "error_rate": 0.5, "seed": 7});
        let names: Vec<String> = (0..64).map(|n| format!("p{n}@example.com")).collect();
        let forwards: Vec<&str> = names.iter().map(String::as_str).collect();
        let backwards: Vec<&str> = forwards.iter().rev().copied().collect();
        let first = outcomes(&behaviours(&patch), &forwards);
        assert_eq!(first, outcomes(&behaviours(&patch), &backwards));
        let broken = first.iter().filter(|(_, broken)| *broken).count();
        assert!((16..48).contains(&broken), "{broken} of 64");
        let other = json!({"provider": "ses", "error_rate": 0.5, "seed": 8});
        assert_ne!(first, outcomes(&behaviours(&other), &forwards));
    }

    #[test]
    fn a_second_attempt_to_the_same_recipient_is_a_new_draw() {
        let behaviours = behaviours(&json!({"provider": "ses", "error_rate": 0.5, "seed": 1}));
        let now = Instant::now();
        let draws: Vec<bool> = (0..32)
            .map(|_| matches!(behaviours.admit(Provider::Ses, "", "a@b.c", now), Admission::Broken))
            .collect();
        assert!(draws.contains(&true) && draws.contains(&false));
    }

    #[test]
    fn the_rate_is_counted_by_account_and_refuses_the_excess() {
        let behaviours = behaviours(&json!({"provider": "twilio", "rate_per_second": 5}));
        let now = Instant::now();
        let accepted = |account: &str, at: Instant| {
            (0..20)
                .filter(|_| {
                    matches!(behaviours.admit(Provider::Twilio, account, "+1", at), Admission::Pass(_))
                })
                .count()
        };
        assert_eq!(accepted("AC1", now), 5);
        assert_eq!(accepted("AC2", now), 5);
        assert_eq!(accepted("AC1", now + Duration::from_secs(1)), 5);
    }

    #[test]
    fn reports_follow_each_other_closely_even_after_a_long_delay() {
        let callback = |delay_ms| CallbackBehaviour { delay_ms, ..CallbackBehaviour::default() };
        assert_eq!((callback(20).step_ms(0), callback(20).step_ms(1)), (20, 100));
        assert_eq!((callback(0).step_ms(0), callback(0).step_ms(1)), (0, 0));
        assert_eq!((callback(5_000).step_ms(0), callback(5_000).step_ms(2)), (5_000, 5_160));
    }
}
