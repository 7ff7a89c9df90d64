//! Where time and ids come from. Handlers get these as arguments, so a test can decide both.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ulid::Ulid;

use crate::Timestamp;

/// The present.
pub trait Clock: Send + Sync {
    /// The present time.
    fn now(&self) -> Timestamp;
}

/// Waiting.
pub trait Timer: Send + Sync {
    /// Ends when so much time has passed.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Randomness for ids and claim holders.
pub trait Ids: Send + Sync {
    /// 128 random bits.
    fn random(&self) -> u128;

    /// A fresh ULID, sortable by `now`.
    fn ulid(&self, now: Timestamp) -> Ulid {
        Ulid::from_parts(u64::try_from(now.millis()).unwrap_or(0), self.random())
    }
}
