//! The floor: the calls of a run once more, from one process with no logic around them, on a copy of the data that the run began with.
//!
//! What is replayed is what AWS and the providers were asked for until everything was delivered, in the same order: calls of DynamoDB and SQS
//! (receives without a message apart) and requests to providers, whose reports go to somebody who only says thanks. Calls of AWS are made with
//! its SDK, which signs them: AWS takes no others.

mod replay;
mod reports;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Handle};

use self::replay::{Step, replay, step};
use super::{
    ground::{Ground, tell},
    processes::Times,
    send::Sent,
};
use crate::secrets;

/// Concurrencies that are tried, until one more is slower.
const CONCURRENCIES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// The first of them that a large run tries: fewer have never been faster.
const FIRST_OF_LARGE: usize = 8;
const LARGE: usize = 10_000;

/// The floor.
#[derive(Debug, Clone)]
pub(super) struct Floor {
    pub(super) fastest: Replayed,
    pub(super) calls: usize,
    /// All that were tried.
    pub(super) tried: Vec<Replayed>,
}

/// One replay.
#[derive(Debug, Clone)]
pub(super) struct Replayed {
    pub(super) concurrency: usize,
    pub(super) took: Duration,
    /// Processor time; what made the calls is the rest.
    pub(super) times: Times,
    /// Write units that were consumed: about those of the run, if it did what the run did.
    pub(super) writes: f64,
}

/// The data as they were before a run.
pub(super) struct Before(PathBuf);

impl Before {
    /// Copies the data of a stack on which nothing happens at the moment.
    pub(super) fn copy(ground: &Ground) -> Result<Self> {
        let data = ground.stack.data().path();
        let folder = data.join("floor");
        copy(data, &folder.join("before"))?;
        Ok(Self(folder))
    }

    /// A fresh copy to run on.
    fn lay(&self) -> Result<PathBuf> {
        let now = self.0.join("now");
        if now.exists() {
            std::fs::remove_dir_all(&now)?;
        }
        copy(&self.0.join("before"), &now)?;
        Ok(now)
    }
}

/// What a stack keeps of the world.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for part in ["engine", "simulators"] {
        std::fs::create_dir_all(to.join(part))?;
        for entry in std::fs::read_dir(from.join(part))? {
            let entry = entry?;
            std::fs::copy(entry.path(), to.join(part).join(entry.file_name()))
                .context("the data cannot be copied")?;
        }
    }
    std::fs::copy(from.join(secrets::FILE), to.join(secrets::FILE))?;
    Ok(())
}

/// Replays the run at several concurrencies and answers the fastest.
pub(super) async fn find(ground: &Ground, before: Before, sent: &Sent) -> Result<Floor> {
    let steps: Arc<[Step]> = sent.trace.iter().filter_map(step).collect();
    tell(&format!("replaying {} calls", steps.len()));
    let first = if sent.recipients > LARGE { FIRST_OF_LARGE } else { 1 };
    let before = Arc::new(before);
    // A thread for each core, which is more than the stack itself makes do with.
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let tried = climb(runtime.handle(), &before, ground.stack.base_url(), &steps, first).await;
    runtime.shutdown_background();
    let tried = tried?;
    std::fs::remove_dir_all(&before.0)?;
    let fastest =
        tried.iter().min_by_key(|replayed| replayed.took).cloned().context("nothing was replayed")?;
    Ok(Floor { fastest, calls: steps.len(), tried })
}

/// Tries one concurrency after the other from `first` on, until one more is slower.
async fn climb(
    threads: &Handle,
    before: &Arc<Before>,
    base_url: &str,
    steps: &Arc<[Step]>,
    first: usize,
) -> Result<Vec<Replayed>> {
    let mut tried: Vec<Replayed> = Vec::new();
    for concurrency in CONCURRENCIES.into_iter().filter(|concurrency| *concurrency >= first) {
        let (before, base_url, steps) = (before.clone(), base_url.to_owned(), steps.clone());
        let replayed =
            threads.spawn(async move { replay(&before, &base_url, &steps, concurrency).await }).await??;
        tell(&format!("{concurrency} at a time: {:.2} s", replayed.took.as_secs_f64()));
        let slower = tried.last().is_some_and(|last| replayed.took > last.took.mul_f64(1.05));
        tried.push(replayed);
        if slower {
            break;
        }
    }
    Ok(tried)
}
