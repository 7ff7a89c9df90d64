//! The twins' only look at the clock. They stand for parties outside the system, so they do not share its clock.

use chrono::{DateTime, SecondsFormat, Utc};

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the one place of this crate that takes the time")]
pub(crate) fn now_ms() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

fn date_time(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

/// RFC 3339 in UTC with milliseconds: `2026-10-15T20:12:31.000Z`.
pub(crate) fn rfc3339(ms: i64) -> String {
    date_time(ms).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// RFC 2822 as Twilio writes it: `Thu, 15 Oct 2026 20:12:31 +0000`.
pub(crate) fn rfc2822(ms: i64) -> String {
    date_time(ms).to_rfc2822()
}

/// `YYMMDDhhmm`, the form of a carrier's `RawDlrDoneDate`.
pub(crate) fn carrier_time(ms: i64) -> String {
    date_time(ms).format("%y%m%d%H%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_each_provider_writes_them() {
        let ms = 1_792_095_151_000;
        assert_eq!(rfc3339(ms), "2026-10-15T20:12:31.000Z");
        assert_eq!(rfc2822(ms), "Thu, 15 Oct 2026 20:12:31 +0000");
        assert_eq!(carrier_time(ms), "2610152012");
    }
}
