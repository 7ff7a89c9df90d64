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
use tokio::runtime::Builder;

use self::replay::{Step, replay, step};
use super::{
    ground::{Ground, tell},
    median,
    processes::Times,
    send::Sent,
};
use crate::secrets;

/// Concurrencies that are tried.
const CONCURRENCIES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// The first of them that a large run tries: fewer have never been faster.
const FIRST_OF_LARGE: usize = 8;
const LARGE: usize = 10_000;

/// The floor.
#[derive(Debug, Clone)]
pub(super) struct Floor {
    pub(super) calls: usize,
    /// One of each concurrency that was tried.
    pub(super) tried: Vec<Replayed>,
    /// Those at the fastest one.
    pub(super) fastest: Vec<Replayed>,
}

impl Floor {
    /// How long a replay takes.
    pub(super) fn took(&self) -> Duration {
        median(self.fastest.iter().map(|replayed| replayed.took))
    }
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

impl Drop for Before {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "{} is left over", self.0.display());
        }
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

/// A run's calls, ready to be made again.
pub(super) struct Replays {
    before: Arc<Before>,
    steps: Arc<[Step]>,
    base_url: String,
    large: bool,
}

impl Replays {
    /// The calls of `sent`, which found the data as they were `before`.
    pub(super) fn new(ground: &Ground, before: Before, sent: &Sent) -> Self {
        let steps: Arc<[Step]> = sent.trace.iter().filter_map(step).collect();
        tell(&format!("replaying {} calls", steps.len()));
        let base_url = ground.stack.base_url().to_owned();
        Self { before: Arc::new(before), steps, base_url, large: sent.recipients > LARGE }
    }

    /// Tries the concurrencies, one after the other.
    pub(super) async fn find(&self) -> Result<Floor> {
        let first = if self.large { FIRST_OF_LARGE } else { 1 };
        let mut tried: Vec<Replayed> = Vec::new();
        for concurrency in CONCURRENCIES.into_iter().filter(|concurrency| *concurrency >= first) {
            tried.push(self.replay(concurrency).await?);
        }
        let fastest = tried.iter().min_by_key(|replayed| replayed.took).cloned();
        let fastest = vec![fastest.context("nothing was replayed")?];
        Ok(Floor { calls: self.steps.len(), tried, fastest })
    }

    /// Once more at the concurrency that was the fastest.
    pub(super) async fn again(&self, floor: &mut Floor) -> Result<()> {
        let concurrency = floor.fastest.first().map_or(1, |replayed| replayed.concurrency);
        floor.fastest.push(self.replay(concurrency).await?);
        Ok(())
    }

    async fn replay(&self, concurrency: usize) -> Result<Replayed> {
        // A thread for each core, which is more than the stack itself makes do with.
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        let (before, base_url, steps) = (self.before.clone(), self.base_url.clone(), self.steps.clone());
        let replayed =
            runtime.spawn(async move { replay(&before, &base_url, &steps, concurrency).await }).await;
        runtime.shutdown_background();
        let replayed = replayed??;
        tell(&format!("{concurrency} at a time: {:.2} s", replayed.took.as_secs_f64()));
        Ok(replayed)
    }
}
