//! The rate above which a provider refuses: a token bucket.

use std::time::Instant;

/// Beyond one second's worth, so that a sender that keeps the rate exactly is not refused for arriving a little early.
const SLACK: f64 = 0.5;

/// What one account may still send at this moment.
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    fn size(rate: f64) -> f64 {
        if rate > 0.0 { rate.max(1.0) + SLACK } else { 0.0 }
    }

    pub(crate) fn full(rate: f64, now: Instant) -> Self {
        Self { tokens: Self::size(rate), filled_at: now }
    }

    /// Whether one more may pass. What is refused costs nothing.
    pub(crate) fn take(&mut self, rate: f64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(Self::size(rate));
        self.filled_at = self.filled_at.max(now);
        let free = self.tokens >= 1.0;
        if free {
            self.tokens -= 1.0;
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn passed(rate: f64, offsets_ms: impl IntoIterator<Item = u64>) -> usize {
        let start = Instant::now();
        let mut bucket = Bucket::full(rate, start);
        offsets_ms.into_iter().filter(|ms| bucket.take(rate, start + Duration::from_millis(*ms))).count()
    }

    #[test]
    fn a_sender_that_keeps_the_rate_with_jitter_is_never_refused() {
        let jittered = |period: u64, jitter: u64| {
            (1..200).map(move |n| n * period - if n % 3 == 0 { jitter } else { 0 })
        };
        assert_eq!(passed(1.0, jittered(1_000, 90)), 199);
        assert_eq!(passed(20.0, jittered(50, 20)), 199);
    }

    #[test]
    fn a_flood_gets_one_seconds_worth_and_then_the_rate() {
        assert_eq!(passed(5.0, std::iter::repeat_n(0, 50)), 5);
        assert_eq!(passed(5.0, 0..10_000), 55);
        assert_eq!(passed(0.0, 0..10_000), 0);
        assert_eq!(passed(0.5, 0..10_000), 1 + 5);
    }
}
