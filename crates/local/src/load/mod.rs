//! The load harness, `cargo run --release -- load`: sends to many recipients on a stack of its own, counts all that was asked of AWS and of the
//! providers, replays the same calls with nothing around them (the *floor*), and holds the figures to the budgets.
//!
//! | module | what |
//! |---|---|
//! | `account` | what the functions asked of AWS and of the providers, by whom, and in which order |
//! | `processes` | processor time and memory, from `/proc` |
//! | `ground` | the stack, its organisations and members |
//! | `send` | one send, from the request until everybody is settled |
//! | `floor` | the same calls again, as fast as they go |
//! | `hottest` | the most that one partition key took |
//! | `requests` | preview and acceptance of 100,000 targets; webhooks at 500 a second |
//! | `fairness` | a small send beside a large one |
//! | `silence` | a receipt window with silent recipients |
//! | `sizes` | deployed functions, as far as they were built |
//! | `budgets`, `prices`, `report` | what must be, what it costs, what is printed |

mod account;
mod budgets;
mod fairness;
mod floor;
mod ground;
mod hottest;
mod prices;
mod processes;
mod report;
mod requests;
mod send;
mod silence;
mod sizes;

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use serde_json::Value as Json;

use self::{ground::Ground, report::Report, send::Sent};

/// Recipients of the reference that a larger send is compared with.
const REFERENCE: usize = 10_000;
/// Targets of the preview and of the acceptance that are measured.
const TARGETS: usize = 100_000;
/// Above this, calls are counted but not kept for a replay.
const LARGEST_FLOOR: usize = 200_000;
/// How often a send is made that a floor is compared with, and how often its calls are replayed: the medians are compared.
const SENDS: usize = 3;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// Recipients of the send.
    pub recipients: usize,
    /// Its channel: `sms`, `whatsapp` or `email`.
    pub channel: &'static str,
    /// What each call of a provider takes.
    pub latency: Duration,
    /// Only the send: no floor and none of the budgets that need more than it.
    pub send_only: bool,
    /// Where the stack keeps its data; it is left there. `None` is a folder that is taken away.
    pub data: Option<PathBuf>,
}

/// Measures until `stop`, telling its progress on standard error, and answers the table for people, the JSON object, and whether every budget holds that
/// was measured.
///
/// # Errors
/// When the stack does not start or does not do what it is asked.
pub async fn run(options: &Options, stop: impl Future<Output = ()>) -> Result<(String, Json, bool)> {
    let ground = Ground::lay(options).await?;
    let measured = tokio::select! {
        measured = measure(&ground, options) => measured,
        () = stop => Err(anyhow::anyhow!("stopped before everything was measured")),
    };
    ground.leave().await;
    let report = measured?;
    Ok((report.table(), report.json(), report.holds()))
}

async fn measure(ground: &Ground, options: &Options) -> Result<Report> {
    let mut report = Report::new(options);
    if options.send_only {
        ground.import(options.recipients).await?;
        report.send = Some(send::run(ground, options, options.recipients, false).await?);
        report.memory = processes::peak_memory()?;
        return Ok(report);
    }
    report.starts = ground.stack.time_starts().await?;
    report.sizes = sizes::of_deployed()?;
    ground.import(options.recipients.max(TARGETS)).await?;
    report.preview = Some(requests::preview(ground, options).await?);
    report.acceptance = Some(requests::accept(ground, options).await?);
    report.references.extend(reference(ground, options).await?);
    report.memory_at_reference = processes::peak_memory()?;

    let keep = options.recipients <= LARGEST_FLOOR;
    let before = if keep { Some(floor::Before::copy(ground)?) } else { None };
    let sent = send::run(ground, options, options.recipients, keep).await?;
    report.memory = processes::peak_memory()?;
    report.references.extend(reference(ground, options).await?);
    if let Some(before) = before {
        let replays = floor::Replays::new(ground, before, &sent);
        let mut floor = replays.find().await?;
        for _ in 1..SENDS {
            report.repeats.push(send::run(ground, options, options.recipients, false).await?);
            replays.again(&mut floor).await?;
        }
        report.floor = Some(floor);
    }
    report.send = Some(Sent { trace: Vec::new(), ..sent });
    report.webhooks = Some(requests::webhooks(ground).await?);
    report.fairness = Some(fairness::measure(ground).await?);
    report.silence = Some(silence::measure(ground, options).await?);
    Ok(report)
}

/// A send that a larger one is compared with.
async fn reference(ground: &Ground, options: &Options) -> Result<Option<Sent>> {
    if options.recipients <= REFERENCE {
        return Ok(None);
    }
    send::run(ground, options, REFERENCE, false).await.map(Some)
}

/// The one in the middle; zero of none.
fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A part of a whole; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn per(whole: f64, parts: usize) -> f64 {
    if parts == 0 { 0.0 } else { whole / parts as f64 }
}
