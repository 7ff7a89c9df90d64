//! A small organisation's send beside a large one's.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{
    ground::{Ground, ids, request, tell},
    median, send,
};
use crate::secrets;

/// Recipients of the small send, and of the large one beside it.
const SMALL: usize = 10;
const LARGE: usize = 50_000;
/// Small sends that are measured of each kind; the median counts.
const TRIES: usize = 3;
/// The large send is left to get going for so long.
const HEAD_START: Duration = Duration::from_secs(3);
/// The small send is given up after so long.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long the small send took until its last message was with the provider.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fairness {
    pub(super) alone: Duration,
    pub(super) beside: Duration,
}

/// Measures by SMS, whose two senders are told apart by their accounts.
pub(super) async fn measure(ground: &Ground) -> Result<Fairness> {
    tell(&format!("{SMALL} recipients alone, then beside {LARGE}"));
    let alone = some(ground).await?;
    let action = send::create(&ground.large.api, &request("sms", &ids(0..LARGE))).await?;
    tokio::time::sleep(HEAD_START).await;
    let beside = some(ground).await?;
    let going_on = ground.large.api.get(&format!("/bulk-actions/{action}")).await?;
    ensure!(!crate::cli::is_settled(&going_on), "the large send was over too soon to compare with");
    // What follows is to have the machine to itself.
    send::settled(&ground.large.api, &[action]).await?;
    Ok(Fairness { alone, beside })
}

async fn some(ground: &Ground) -> Result<Duration> {
    let mut all = Vec::new();
    for _ in 0..TRIES {
        all.push(one(ground).await?);
    }
    Ok(median(all.into_iter()))
}

async fn one(ground: &Ground) -> Result<Duration> {
    let secrets = secrets::load_or_create(ground.stack.data())?;
    let account = secrets.get(&format!("{}/twilio", ground.small.id));
    let account = account.and_then(|account| account["account_sid"].as_str()).map(str::to_owned);
    ground.accountant.begin(false, account);
    let began = Instant::now();
    send::create(&ground.small.api, &request("sms", &ids(0..SMALL))).await?;
    loop {
        let (found, last) = ground.accountant.look(|account| (account.found, account.last_found));
        if let Some(at) = last
            && found >= u64::try_from(SMALL)?
        {
            return Ok(at.saturating_duration_since(began));
        }
        ensure!(began.elapsed() < PATIENCE, "the small send got {found} of {SMALL} messages out");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
