//! Delivery rates of a bulk action.

use domain::counts::Counts;
use domain::histogram::Tally;
use domain::{Channel, Timestamp};
use serde::Serialize;

/// How an action's messages fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatsView {
    /// All channels together.
    #[serde(flatten)]
    pub rates: RatesView,
    /// Each channel, in the order of the action's messages.
    pub by_channel: Vec<ChannelStatsView>,
    /// What happened when: numbers of each interval, in the order of time. Intervals are minutes, hours, days or weeks of UTC, the shortest of
    /// which there are at most 120 from first to last; those in which nothing happened are left out.
    pub over_time: Vec<IntervalView>,
}

/// Numbers of rows. One that was read was also delivered and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RatesView {
    /// All of them.
    pub total: u64,
    /// That the provider had.
    pub sent: u64,
    /// That were delivered.
    pub delivered: u64,
    /// That were read.
    pub read: u64,
    /// That failed.
    pub failed: u64,
    /// That were deliberately not sent.
    pub skipped: u64,
    /// Of which no report came in time.
    pub unconfirmed: u64,
    /// That a member answered.
    pub replied: u64,
    /// Because of which a recipient opted out.
    pub opted_out: u64,
}

impl RatesView {
    /// The rates of `total` rows that count as `counts`.
    pub fn new(total: u64, counts: Counts) -> Self {
        let Counts { sent, delivered, read, failed, skipped, unconfirmed, replied, opted_out, .. } = counts;
        Self { total, sent, delivered, read, failed, skipped, unconfirmed, replied, opted_out }
    }
}

/// How the messages of one channel fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ChannelStatsView {
    /// The channel.
    pub channel: Channel,
    /// Its numbers.
    #[serde(flatten)]
    pub rates: RatesView,
}

/// What happened in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct IntervalView {
    /// When it begins.
    pub at: Timestamp,
    /// Rows that the provider accepted in it.
    pub sent: u64,
    /// Rows that were delivered in it.
    pub delivered: u64,
    /// Rows that were read in it.
    pub read: u64,
    /// Rows that failed in it.
    pub failed: u64,
}

impl IntervalView {
    /// The interval that begins at `at`.
    pub fn new(at: Timestamp, tally: Tally) -> Self {
        let Tally { sent, delivered, read, failed } = tally;
        Self { at, sent, delivered, read, failed }
    }
}
