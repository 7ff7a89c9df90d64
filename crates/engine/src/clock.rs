//! Where the engine takes its time from.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time in milliseconds since the Unix epoch. Tests pass one that they move by hand.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The machine's own clock: the default of [`EngineOptions`](crate::EngineOptions).
pub fn system_clock() -> Clock {
    Arc::new(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "the default clock itself; the crate stands apart from `domain`"
        )]
        let now = SystemTime::now();
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// The same time in the shape in which dynoxide asks for it.
pub(crate) struct DatabaseClock(pub(crate) Clock);

impl dynoxide::storage_backend::Clock for DatabaseClock {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from((self.0)() / 1000).unwrap_or(0)
    }

    fn now_unix_secs_f64(&self) -> f64 {
        std::time::Duration::from_millis(u64::try_from((self.0)()).unwrap_or(0)).as_secs_f64()
    }
}
