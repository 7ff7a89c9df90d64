//! One send, from the request until everybody is settled.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use serde_json::{Value as Json, json};
use simulators::Tally;

use super::{
    Options, TARGETS,
    account::{Account, Kept},
    ground::{Ground, ids, request, settle_disk, tell},
    hottest::{self, Hottest},
    processes::Times,
};
use crate::{api::Api, api::ApiError, functions::Worked};

/// How often it is looked whether everything is done.
const LOOK: Duration = Duration::from_millis(50);
/// The receipts are through when no row has been written for so long.
const QUIET: Duration = Duration::from_secs(1);
/// A send on which nothing has happened for so long stands still.
const STANDSTILL: Duration = Duration::from_secs(150);

/// A send that was measured.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) recipients: usize,
    /// Until the last 202.
    pub(super) accepted: Duration,
    /// From the request to the moment when the last row was written, its call recorded, delivered, and when the action was seen settled.
    pub(super) written: Duration,
    pub(super) called: Duration,
    pub(super) delivered: Duration,
    pub(super) settled: Duration,
    /// Processor time until everything was delivered.
    pub(super) times: Times,
    /// What each function did until then.
    pub(super) worked: BTreeMap<String, Worked>,
    /// Until it was settled, and if its calls were kept until reconcile had counted it for the last time.
    pub(super) account: Account,
    /// Of a send whose calls were kept.
    pub(super) hottest: Option<Hottest>,
    pub(super) tally: Tally,
    /// The actions, as the API shows them.
    pub(super) actions: Vec<Json>,
    /// Until everything was delivered.
    pub(super) trace: Vec<Kept>,
}

impl Sent {
    /// Messages beyond one per recipient, and recipients without one.
    pub(super) fn duplicates_and_lost(&self) -> (u64, u64) {
        let wanted = u64::try_from(self.recipients).unwrap_or(u64::MAX);
        (self.tally.accepted - self.tally.recipients, wanted.saturating_sub(self.tally.recipients))
    }
}

/// Sends to the first `recipients` members, in as many actions as it takes. With `keep` each call is kept.
pub(super) async fn run(ground: &Ground, options: &Options, recipients: usize, keep: bool) -> Result<Sent> {
    tell(&format!("sending to {recipients} by {}", options.channel));
    let before = ground.stack.simulators().tally(0).await?;
    settle_disk();
    let (times, worked) = (Times::now()?, ground.stack.worked());
    ground.accountant.begin(keep, None);
    let began = Instant::now();
    let mut actions = Vec::new();
    for first in (0..recipients).step_by(TARGETS) {
        let targets = ids(first..recipients.min(first + TARGETS));
        actions.push(create(&ground.large.api, &request(options.channel, &targets)).await?);
    }
    let accepted = began.elapsed();
    delivered(ground, recipients).await?;
    let times = Times::now()?.since(&times);
    let worked = ground.stack.worked().into_iter().map(|(name, all)| {
        let before = worked.get(&name).copied().unwrap_or_default();
        (name, all.since(before))
    });
    let worked = worked.collect();
    let last = |which: &str| {
        let rows = |account: &Account| {
            account.last_row.iter().filter(|(name, _)| name.starts_with(which)).map(|(_, at)| *at).max()
        };
        ground.accountant.look(rows).map_or(Duration::ZERO, |at| at.saturating_duration_since(began))
    };
    let (written, called, delivered) = (last("send-message"), last("dispatch-"), last("apply-receipt"));
    tell(&format!("delivered after {:.2} s", delivered.as_secs_f64()));
    let actions = settled(&ground.large.api, &actions).await?;
    let settled = began.elapsed();
    if keep {
        ground.idle_tick().await?;
    }
    let mut account = ground.accountant.end();
    let mut trace = std::mem::take(&mut account.trace);
    let hottest = keep.then(|| hottest::of(&trace, began));
    trace.retain(|kept| kept.at <= began + delivered);
    let tally = ground.stack.simulators().tally(before.last).await?;
    Ok(Sent {
        recipients,
        accepted,
        written,
        called,
        delivered,
        settled,
        times,
        worked,
        account,
        hottest,
        tally,
        actions,
        trace,
    })
}

/// Asks for a send, waiting where the limit of requests per minute asks for it. Answers its id.
pub(super) async fn create(api: &Api, body: &Json) -> Result<String> {
    loop {
        match api.post("/bulk-actions", body).await {
            Ok(action) => return Ok(crate::cli::id_of(&action, "POST /bulk-actions")?.to_owned()),
            Err(ApiError::Refused { retry_after: Some(after), .. }) => tokio::time::sleep(after).await,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until providers were called for all and no receipt is being applied any more.
async fn delivered(ground: &Ground, recipients: usize) -> Result<()> {
    let wanted = u64::try_from(recipients)?;
    let (mut seen, mut moved) = (0, Instant::now());
    loop {
        tokio::time::sleep(LOOK).await;
        let (called, last) =
            ground.accountant.look(|account| (account.providers, account.last_row.values().copied().max()));
        if called > seen {
            (seen, moved) = (called, Instant::now());
        }
        let last = last.unwrap_or(moved).max(moved);
        if called >= wanted && last.elapsed() > QUIET {
            return Ok(());
        }
        ensure!(last.elapsed() < STANDSTILL, "the send stands still after {called} of {recipients} calls");
    }
}

/// Waits until the actions are settled, reading them as a user would.
pub(super) async fn settled(api: &Api, ids: &[String]) -> Result<Vec<Json>> {
    let mut actions = Vec::new();
    for id in ids {
        let began = Instant::now();
        let action = loop {
            let action = api.get(&format!("/bulk-actions/{id}")).await?;
            if crate::cli::is_settled(&action) {
                break action;
            }
            if began.elapsed() > STANDSTILL {
                bail!(
                    "the action {id} does not settle: {}",
                    json!({"status": action["status"], "pending": action["pending_count"]})
                );
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        actions.push(action);
    }
    Ok(actions)
}
