//! How long a send takes, by the rates of its senders.

use std::time::Duration;

use domain::settings::ChannelSettings;
use domain::{Channel, Timestamp};

/// What a channel has to carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Messages.
    pub(crate) messages: u64,
    /// What counts against the rate: segments of SMS, messages elsewhere.
    pub(crate) units: u64,
}

/// When the last message will have left, and over how many days it is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Estimate {
    pub(crate) completion: Timestamp,
    pub(crate) spans_days: u32,
}

const DAY: Duration = Duration::from_hours(24);

/// The estimate of a send that begins at `start`. Channels go side by side. A sender with a limit per day takes that many, and the rest from
/// the next day on.
pub(crate) fn estimate(
    loads: impl IntoIterator<Item = (Channel, Load)>,
    channels: &[ChannelSettings],
    start: Timestamp,
) -> Estimate {
    let none = Estimate { completion: start, spans_days: 1 };
    loads.into_iter().fold(none, |all, (channel, load)| {
        let Some(settings) = channels.iter().find(|settings| settings.channel == channel) else { return all };
        let one = of_channel(load, settings, start);
        Estimate {
            completion: all.completion.max(one.completion),
            spans_days: all.spans_days.max(one.spans_days),
        }
    })
}

fn of_channel(load: Load, settings: &ChannelSettings, start: Timestamp) -> Estimate {
    let per_day = u64::from(settings.per_day.unwrap_or(u32::MAX)).max(1);
    let whole_days = load.messages.saturating_sub(1) / per_day;
    let on_last_day = load.messages - whole_days * per_day;
    // Units are spread evenly over the messages.
    let units = (load.units * on_last_day).div_ceil(load.messages.max(1));
    let millis = (units * 1_000_000).div_ceil(u64::from(settings.rate_per_second.thousandths()));
    let days = u32::try_from(whole_days).unwrap_or(u32::MAX);
    Estimate {
        completion: start + DAY.saturating_mul(days) + Duration::from_millis(millis),
        spans_days: days.saturating_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::settings::Rate;

    fn sms(per_second: u16, per_day: Option<u32>) -> ChannelSettings {
        let settings = ChannelSettings::new(Channel::Sms, "+15005550006".into());
        ChannelSettings { rate_per_second: Rate::per_second(per_second), per_day, ..settings }
    }

    fn after(load: Load, settings: ChannelSettings) -> (Duration, u32) {
        let start = Timestamp::from_secs(1_000);
        let estimate = estimate([(Channel::Sms, load)], &[settings], start);
        (estimate.completion.since(start), estimate.spans_days)
    }

    #[test]
    fn segments_count_against_the_rate() {
        let load = Load { messages: 100, units: 250 };
        assert_eq!(after(load, sms(10, None)), (Duration::from_secs(25), 1));
    }

    #[test]
    fn what_a_day_does_not_take_leaves_on_the_next() {
        let load = Load { messages: 2_500, units: 2_500 };
        let (time, days) = after(load, sms(10, Some(1_000)));
        assert_eq!((time, days), (2 * DAY + Duration::from_secs(50), 3));
        let exactly = Load { messages: 1_000, units: 1_000 };
        assert_eq!(after(exactly, sms(10, Some(1_000))).1, 1);
    }

    #[test]
    fn nothing_to_send_takes_no_time() {
        assert_eq!(after(Load::default(), sms(1, Some(1))), (Duration::ZERO, 1));
    }
}
