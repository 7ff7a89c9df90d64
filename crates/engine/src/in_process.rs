//! Both engines without listeners: spoken to by function call, on the caller's own thread. What a simulation needs, in which nothing may depend
//! on sockets and other threads.

use dynoxide::Database;

use crate::clock::Clock;
use crate::dynamodb::{Metering, call};
use crate::tap::Units;
use crate::{EngineError, Sqs};

/// An answer, as the service would put it into HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// SQS's `x-amzn-query-error`, by which its SDK knows an error.
    pub query_error: Option<String>,
    /// The JSON body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether the operation was carried out.
    pub fn is_success(&self) -> bool {
        self.status < 300
    }
}

/// Both engines in memory. Every call is finished when it returns, and the same calls at the same times give the same answers.
pub struct InProcess {
    database: Database,
    queues: Sqs,
}

impl InProcess {
    /// Empty engines whose time is `clock`'s. Expired items are never removed, and so can be read, as on AWS for some days.
    ///
    /// # Errors
    ///
    /// [`EngineError::Open`].
    pub fn new(clock: Clock) -> Result<Self, EngineError> {
        let database = crate::dynamodb::open(None, clock.clone())?;
        Ok(Self { database, queues: Sqs::open(None, clock)? })
    }

    /// The queues as seen without a client: counts, purging.
    pub fn sqs(&self) -> &Sqs {
        &self.queues
    }

    /// Calls SQS. A receive takes what is there and does not wait.
    pub fn call_sqs(&self, operation: &str, body: &[u8]) -> Answer {
        self.queues.answer_now(operation, body)
    }

    /// Calls DynamoDB: the operations of items and those that make tables.
    pub fn call_dynamodb(&self, operation: &str, body: &str) -> Answer {
        call(&self.database, operation, body, Metering::Off).answer
    }

    /// As [`Self::call_dynamodb`], with the capacity that the call consumed.
    pub fn meter_dynamodb(&self, operation: &str, body: &str) -> (Answer, Vec<Units>) {
        let called = call(&self.database, operation, body, Metering::On);
        (called.answer, called.units)
    }
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("InProcess").finish_non_exhaustive()
    }
}
