//! One process of a function.

use std::{process::Stdio, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::body::Bytes;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    sync::{oneshot, watch},
    task::JoinHandle,
};

use super::{
    InvokeError, Spec,
    log_file::{self, LogFile, Tail},
    runtime_api::{Answer, Job, Phase, RuntimeApi},
};
use crate::clock;

/// A process that has not asked for its first event by then is given up. Lambda allows 10 s on a machine of its own.
const INIT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the output of an ended process may take to arrive.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A running process that takes one invocation at a time. Dropping it kills the process and all it started.
#[derive(Debug)]
pub(super) struct Worker {
    api: RuntimeApi,
    process: Process,
    tail: Arc<Tail>,
}

impl Worker {
    /// Starts a process and waits until it asks for its first event.
    ///
    /// # Errors
    /// What it last said, if it ends, reports an error or stays silent instead.
    pub(super) async fn start(spec: &Spec, log: &Arc<LogFile>) -> Result<Self, String> {
        let api = RuntimeApi::start().await.map_err(|error| error.to_string())?;
        let tail = Arc::new(Tail::default());
        let process = Process::spawn(spec, &api, log, &tail).map_err(|error| format!("{error:#}"))?;
        let mut worker = Self { api, process, tail };
        match worker.first_phase().await {
            Ok(()) => Ok(worker),
            Err(reason) => Err(worker.last_words(&reason).await),
        }
    }

    async fn first_phase(&mut self) -> Result<(), String> {
        let mut phase = self.api.phase.clone();
        let phase = phase.wait_for(|phase| *phase != Phase::Starting);
        tokio::select! {
            found = phase => match found.as_deref() {
                Ok(Phase::Ready) => Ok(()),
                Ok(Phase::Failed(reason)) => Err(reason.clone()),
                Ok(Phase::Starting) | Err(_) => Err("its runtime API went away".into()),
            },
            status = self.process.exited() => Err(format!("it ended ({status})")),
            () = tokio::time::sleep(INIT_TIMEOUT) => {
                Err(format!("it asked for no event within {} s", INIT_TIMEOUT.as_secs()))
            }
        }
    }

    async fn last_words(&mut self, reason: &str) -> String {
        self.process.kill();
        self.process.drain_output().await;
        let tail = self.tail.text();
        if tail.is_empty() {
            format!("{reason} without a word")
        } else {
            format!("{reason}; its last lines:\n{tail}")
        }
    }

    /// Whether it can take another invocation.
    pub(super) fn is_alive(&self) -> bool {
        self.process.status.borrow().is_none()
    }

    /// Hands over one event and waits for its answer. After a time-out or crash the worker is no longer alive. `None`
    /// is a process that had ended, unnoticed, before it could take the event: another one should get it.
    pub(super) async fn invoke(&mut self, spec: &Spec, payload: Bytes) -> Option<Result<Bytes, InvokeError>> {
        let (reply, answer) = oneshot::channel();
        let timeout = i64::try_from(spec.timeout.as_millis()).unwrap_or(i64::MAX);
        let job = Job {
            id: clock::request_id(),
            payload,
            deadline_ms: clock::now().timestamp_millis().saturating_add(timeout),
            arn: spec.arn.clone(),
            reply,
        };
        if self.api.jobs.send(job).await.is_err() {
            return Some(Err(self.crashed(spec, "its runtime API went away".into())));
        }
        let outcome = tokio::select! {
            // An answer that is there counts, even if the process ended right after it.
            biased;
            answer = answer => match answer {
                Ok(Answer::Response(body)) => Ok(body),
                Ok(Answer::Error { kind, message }) => {
                    Err(InvokeError::Function { function: spec.name.clone(), kind, message })
                }
                Err(_) => Err(self.crashed(spec, "its runtime API went away".into())),
            },
            status = self.process.exited() => {
                let waiting = self.api.jobs.capacity() < self.api.jobs.max_capacity();
                if waiting {
                    return None;
                }
                Err(self.crashed(spec, status))
            }
            () = tokio::time::sleep(spec.timeout) => {
                self.process.kill();
                self.process.exited().await;
                Err(InvokeError::TimedOut { function: spec.name.clone(), after: spec.timeout })
            }
        };
        Some(outcome)
    }

    fn crashed(&self, spec: &Spec, status: String) -> InvokeError {
        let log = self.process.log.path().display().to_string();
        InvokeError::Crashed { function: spec.name.clone(), status, log }
    }
}

/// The operating system's side of a worker.
#[derive(Debug)]
struct Process {
    group: Pid,
    /// How it ended; `None` while it runs.
    status: watch::Receiver<Option<String>>,
    output: Vec<JoinHandle<()>>,
    log: Arc<LogFile>,
}

impl Process {
    fn spawn(spec: &Spec, api: &RuntimeApi, log: &Arc<LogFile>, tail: &Arc<Tail>) -> Result<Self> {
        let mut child = Command::new(&spec.binary)
            .env_clear()
            .envs(&spec.environment)
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C in the terminal is the stack's to handle, and a kill takes all of it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", spec.binary.display()))?;
        let id = child.id().context("the process ended at once")?;
        let group = Pid::from_raw(i32::try_from(id).context("a process id beyond i32")?);
        let mut output = Vec::new();
        if let Some(stream) = child.stdout.take() {
            output.push(tokio::spawn(log_file::copy(stream, log.clone(), tail.clone())));
        }
        if let Some(stream) = child.stderr.take() {
            output.push(tokio::spawn(log_file::copy(stream, log.clone(), tail.clone())));
        }
        Ok(Self { group, status: watch_end(child), output, log: log.clone() })
    }

    async fn exited(&mut self) -> String {
        match self.status.wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_default(),
            Err(_) => "unknown".into(),
        }
    }

    /// Kills the whole group, unless it was seen to end: its number may belong to others by then.
    fn kill(&self) {
        if self.status.borrow().is_none()
            && let Err(error) = killpg(self.group, Signal::SIGKILL)
        {
            tracing::debug!(%error, "a function's process was gone already");
        }
    }

    async fn drain_output(&mut self) {
        let all = futures_util::future::join_all(self.output.drain(..));
        if tokio::time::timeout(LAST_WORDS, all).await.is_err() {
            tracing::debug!("a function's output is still open after its end");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for the end of a process beside everything else, so that it is never left as a zombie.
fn watch_end(mut child: Child) -> watch::Receiver<Option<String>> {
    let (sender, status) = watch::channel(None);
    tokio::spawn(async move {
        let ended = match child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        sender.send_replace(Some(ended));
    });
    status
}
