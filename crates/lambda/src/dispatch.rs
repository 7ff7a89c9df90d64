//! The dispatchers, and the queues that lead to them.

use std::sync::Arc;

use lambda_runtime::Error;
use usecases::Notes;
use usecases::dispatch::{Connect, Dispatch, dispatch};
use usecases::jobs::DispatchQueues;

use crate::config::required;
use crate::{Aws, Configuration, Missing, OsIds, Start, SystemTimer, run_sqs};

/// Runs the dispatcher of the channel that `connect` leads to; `queue` is the URL of its own queue.
///
/// # Errors
/// If the Lambda Runtime API goes away.
pub async fn run_dispatcher<C: Connect>(start: Start, queue: String, connect: C) -> Result<(), Error> {
    let deps = &Dispatch {
        store: start.store,
        queue: start.aws.queue(queue),
        secrets: start.secrets,
        clock: start.clock,
        timer: Arc::new(SystemTimer),
        ids: Arc::new(OsIds),
        notes: Notes::default(),
        connect,
    };
    run_sqs(|job, deadline| dispatch(deps, job, deadline)).await
}

/// The URLs of the dispatch queues, for functions that write to all of them.
#[derive(Debug)]
pub struct DispatchQueueUrls {
    whatsapp: String,
    sms: String,
    email: String,
}

impl Configuration for DispatchQueueUrls {
    fn from_env() -> Result<Self, Missing> {
        Ok(Self {
            whatsapp: required("QUEUE_DISPATCH_WHATSAPP")?,
            sms: required("QUEUE_DISPATCH_SMS")?,
            email: required("QUEUE_DISPATCH_EMAIL")?,
        })
    }
}

impl Aws {
    /// The dispatch queues.
    pub fn dispatch_queues(&self, urls: DispatchQueueUrls) -> DispatchQueues {
        DispatchQueues {
            whatsapp: self.queue(urls.whatsapp),
            sms: self.queue(urls.sms),
            email: self.queue(urls.email),
        }
    }
}
