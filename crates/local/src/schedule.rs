//! Schedules: fires functions as EventBridge does.
//!
//! Expressions: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>. Here each
//! schedule also fires once at the start of the stack, so that what a stop interrupted goes on at once.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axum::body::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    clock,
    functions::Pool,
    template::{ACCOUNT, REGION, ScheduleSource},
};

/// When a schedule fires.
#[derive(Debug)]
enum Timetable {
    Every(Duration),
    At(Box<Cron>),
}

impl Timetable {
    fn parse(expression: &str) -> Result<Self> {
        let inside = |prefix: &str| expression.strip_prefix(prefix)?.strip_prefix('(')?.strip_suffix(')');
        let parsed = if let Some(rate) = inside("rate") {
            Self::rate(rate)
        } else if let Some(cron) = inside("cron") {
            Self::cron(cron)
        } else {
            bail!("`{expression}` is neither rate(...) nor cron(...)")
        };
        parsed.with_context(|| format!("in `{expression}`"))
    }

    fn rate(text: &str) -> Result<Self> {
        let (count, unit) = text.trim().split_once(' ').context("a rate is a number and a unit")?;
        let count: u64 = count.parse().context("a rate begins with a number")?;
        ensure!(count > 0, "a rate is at least 1");
        let seconds = match (unit, count) {
            ("minute", 1) | ("minutes", 2..) => 60,
            ("hour", 1) | ("hours", 2..) => 3_600,
            ("day", 1) | ("days", 2..) => 86_400,
            _ => bail!("the unit is minute, hour or day for 1 and minutes, hours or days for more"),
        };
        Ok(Self::Every(Duration::from_secs(count.saturating_mul(seconds))))
    }

    /// Six fields, minutes first, days of the week from 1 for Sunday. croner wants the seconds before them.
    fn cron(text: &str) -> Result<Self> {
        ensure!(text.split_whitespace().count() == 6, "a cron expression has six fields");
        let parser = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            .alternative_weekdays(true)
            .build();
        Ok(Self::At(Box::new(parser.parse(&format!("0 {text}"))?)))
    }

    /// How long it is from `now` to the next time; `None` if there is none.
    fn pause(&self, now: DateTime<Utc>) -> Option<Duration> {
        match self {
            Self::Every(period) => Some(*period),
            Self::At(cron) => {
                cron.find_next_occurrence(&now, false).ok()?.signed_duration_since(now).to_std().ok()
            }
        }
    }
}

/// A running schedule; ends when dropped. An invocation under way goes on.
#[derive(Debug)]
pub struct Schedule(JoinHandle<()>);

impl Schedule {
    /// Starts a schedule, with its first event at once.
    ///
    /// # Errors
    /// When its expression is none.
    pub fn start(source: ScheduleSource, pool: Pool) -> Result<Self> {
        let timetable = Timetable::parse(&source.expression)?;
        Ok(Self(tokio::spawn(async move {
            loop {
                let payload = match &source.input {
                    Some(input) => Bytes::from(input.clone()),
                    None => event(&source.name, clock::now()),
                };
                let next = timetable.pause(clock::now()).map(|pause| tokio::time::Instant::now() + pause);
                // The pool has said why, if it fails; the next event is the next attempt.
                drop(pool.invoke(payload).await);
                match next {
                    Some(next) => tokio::time::sleep_until(next).await,
                    None => return,
                }
            }
        })))
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn event(rule: &str, now: DateTime<Utc>) -> Bytes {
    let event = json!({
        "version": "0",
        "id": clock::request_id(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": now.to_rfc3339_opts(SecondsFormat::Secs, true),
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}")],
        "detail": {},
    });
    Bytes::from(event.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, now: &str) -> String {
        let now: DateTime<Utc> = now.parse().unwrap();
        let pause = Timetable::parse(expression).unwrap().pause(now).unwrap();
        (now + pause).to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    #[test]
    fn a_rate_is_a_period() {
        assert_eq!(next("rate(1 minute)", "2026-11-23T10:00:30Z"), "2026-11-23T10:01:30Z");
        assert_eq!(next("rate(2 hours)", "2026-11-23T10:00:00Z"), "2026-11-23T12:00:00Z");
    }

    #[test]
    fn cron_counts_minutes_first_and_sunday_as_one() {
        assert_eq!(next("cron(0 3 * * ? *)", "2026-11-23T10:00:30Z"), "2026-11-24T03:00:00Z");
        assert_eq!(next("cron(*/15 * * * ? *)", "2026-11-23T10:01:00Z"), "2026-11-23T10:15:00Z");
        // 2026-11-23 is a Monday.
        assert_eq!(next("cron(0 9 ? * 1 *)", "2026-11-23T10:00:00Z"), "2026-11-29T09:00:00Z");
        assert_eq!(next("cron(0 9 ? * MON-FRI *)", "2026-11-23T10:00:00Z"), "2026-11-24T09:00:00Z");
    }

    #[test]
    fn what_eventbridge_refuses_is_refused() {
        for bad in
            ["rate(1 minutes)", "rate(2 minute)", "rate(0 minutes)", "rate(x)", "cron(* * * * *)", "at(x)"]
        {
            assert!(Timetable::parse(bad).is_err(), "{bad}");
        }
    }
}
