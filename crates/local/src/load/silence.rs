//! What a receipt window costs in reads when some recipients never report.
//!
//! A window of 24 hours is put together from what was measured: a send of which 2 % stay silent, followed through a short window to its end,
//! and the ticks of reconcile in between, on which nothing is due.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use serde_json::json;

use super::{
    Options,
    ground::{Ground, TICK, ids, import, member, request, tell},
    per, send,
};

/// Recipients, and how many of them never report: 2 %.
const RECIPIENTS: usize = 2_000;
const SILENT: usize = 40;
/// The short window, in seconds.
const WINDOW_S: u64 = 70;
/// Ticks in 24 hours.
const TICKS: f64 = 1_440.0;

/// Read units.
#[derive(Debug, Clone)]
pub(super) struct Silence {
    /// Per message, from the request to the end of the window.
    pub(super) per_message: f64,
    /// Of one tick on which nothing is due.
    pub(super) idle_tick: f64,
    /// Per message over 24 hours, of a send as large as the one that was measured.
    pub(super) over_a_day: f64,
    /// Through the window, by function.
    pub(super) by_function: BTreeMap<String, f64>,
}

/// Measures by SMS.
pub(super) async fn measure(ground: &Ground, options: &Options) -> Result<Silence> {
    let api = &ground.large.api;
    let idle_tick = ground.idle_tick().await?;
    tell(&format!("{RECIPIENTS} recipients, {SILENT} of them silent, through a window of {WINDOW_S} s"));
    let silent: Vec<_> = (0..SILENT)
        .map(|number| {
            let mut silent = member(number, "152");
            silent["id"] = json!(format!("s{number}"));
            // This ending never reports.
            silent["primary_phone"] = json!(format!("+49152{number:04}0003"));
            silent
        })
        .collect();
    import(api, &silent).await?;
    ground.large.channel("sms", WINDOW_S).await?;
    // Spread over the chunks, as they would be.
    let mut targets = ids(0..RECIPIENTS - SILENT);
    for number in 0..SILENT {
        targets.insert(number * (RECIPIENTS / SILENT), format!("s{number}"));
    }
    ground.accountant.begin(false, None);
    let action = send::create(api, &request("sms", &targets)).await?;
    tokio::time::sleep(Duration::from_secs(WINDOW_S)).await;
    // Until the tick after its end is over.
    tokio::time::sleep(TICK + Duration::from_secs(5)).await;
    let measured = ground.accountant.end();
    send::settled(api, &[action]).await?;

    let per_message = per(measured.reads(), RECIPIENTS);
    let over_a_day = per_message + per(idle_tick * TICKS, options.recipients);
    let mut by_function: BTreeMap<String, f64> = BTreeMap::new();
    for (kind, count) in &measured.counts {
        *by_function.entry(kind.caller.clone()).or_default() += count.reads;
    }
    Ok(Silence { per_message, idle_tick, over_a_day, by_function })
}
