//! Values on the command line that several commands take.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::ValueEnum;

use crate::clock;

/// A channel of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Channel {
    Whatsapp,
    Sms,
    Email,
}

impl Channel {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// An id in the form that all ids of the API have, so that it stands in a path as it is.
pub(super) fn parse_id(text: &str) -> Result<String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    ensure!(fits && (1..=64).contains(&text.len()), "an id is 1 to 64 letters, digits, `_` or `-`");
    Ok(text.to_owned())
}

/// A length of time, as in 30m, 12h or 7d.
pub(super) fn parse_duration(text: &str) -> Result<Duration> {
    const FORM: &str = "a length of time is a number with s, m, h or d";
    let seconds = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => anyhow::bail!(FORM),
    };
    let count: u64 = text[..text.len() - 1].parse().context(FORM)?;
    Ok(Duration::from_secs(count.saturating_mul(seconds)))
}

/// A time as the API takes it: RFC 3339 with whatever zone, or `+` and a length of time from now.
pub(super) fn parse_time(text: &str) -> Result<String> {
    const FORM: &str =
        "a time is 2026-12-01T09:00:00Z, 2026-12-01T22:00:00+13:00, or from now +90s, +30m, +2h, +1d";
    let time = match text.strip_prefix('+') {
        Some(length) => {
            let length = TimeDelta::from_std(parse_duration(length).context(FORM)?).context(FORM)?;
            clock::now().checked_add_signed(length).context(FORM)?
        }
        None => DateTime::parse_from_rfc3339(text).context(FORM)?.to_utc(),
    };
    Ok(written(time))
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A template's parameter.
pub(super) fn parse_parameter(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => anyhow::bail!("a parameter is KEY=VALUE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit() {
        assert_eq!(parse_duration("12h").unwrap(), Duration::from_hours(12));
        assert_eq!(parse_duration("90s").unwrap(), Duration::from_secs(90));
        for bad in ["", "12", "h", "-1h", "1ü"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_given_in_any_zone_or_from_now_and_written_in_utc() {
        assert_eq!(parse_time("2026-12-01T22:00:00+13:00").unwrap(), "2026-12-01T09:00:00Z");
        assert_eq!(parse_time("2026-12-01T09:00:00Z").unwrap(), "2026-12-01T09:00:00Z");
        let soon = DateTime::parse_from_rfc3339(&parse_time("+2h").unwrap()).unwrap().to_utc();
        let ahead = (soon - clock::now()).num_seconds();
        assert!((7_100..=7_200).contains(&ahead), "{ahead}");
        // Without a zone it could be anybody's.
        for bad in ["2026-12-01T09:00:00", "2026-12-01", "09:00", "+2", "+99999999999999d", "soon"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_holds_nothing_that_means_something_in_a_path() {
        assert_eq!(parse_id("ba_01-X").unwrap(), "ba_01-X");
        for bad in ["", "a/b", "..", "a b", "a?x=1", "ü", &"x".repeat(65)] {
            assert!(parse_id(bad).is_err(), "{bad}");
        }
    }
}
