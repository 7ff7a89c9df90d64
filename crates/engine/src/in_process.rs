//! Both engines without listeners: spoken to by function call, on the caller's own thread. What a simulation needs, in which nothing may depend
//! on sockets and other threads.

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Clock;
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

    fn ok(body: Vec<u8>) -> Self {
        Self { status: 200, query_error: None, body }
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
        self.dispatch(operation, body).unwrap_or_else(|error| Answer {
            status: error.status_code(),
            query_error: None,
            body: error.to_json().into_bytes(),
        })
    }

    fn dispatch(&self, operation: &str, body: &str) -> Result<Answer, DynoxideError> {
        let db = &self.database;
        match operation {
            "CreateTable" => run(body, |input| db.create_table(input)),
            "DescribeTable" => run(body, |input| db.describe_table(input)),
            "UpdateTimeToLive" => run(body, |input| db.update_time_to_live(input)),
            "DescribeTimeToLive" => run(body, |input| db.describe_time_to_live(input)),
            "PutItem" => run(body, |input| db.put_item(input)),
            "GetItem" => run(body, |input| db.get_item(input)),
            "DeleteItem" => run(body, |input| db.delete_item(input)),
            "UpdateItem" => run(body, |input| db.update_item(input)),
            "Query" => run(body, |input| db.query(input)),
            "Scan" => run(body, |input| db.scan(input)),
            "BatchGetItem" => run(body, |input| db.batch_get_item(input)),
            "BatchWriteItem" => run(body, |input| db.batch_write_item(input)),
            "TransactWriteItems" => run(body, |input| db.transact_write_items(input)),
            "TransactGetItems" => run(body, |input| db.transact_get_items(input)),
            "ExecuteStatement" => run(body, |input| db.execute_statement(input)),
            "BatchExecuteStatement" => run(body, |input| db.batch_execute_statement(input)),
            other => {
                Err(DynoxideError::ValidationException(format!("The engine has no {other} in process.")))
            }
        }
    }
}

fn run<I: DeserializeOwned, O: Serialize>(
    body: &str,
    operation: impl FnOnce(I) -> Result<O, DynoxideError>,
) -> Result<Answer, DynoxideError> {
    let unreadable = |error: serde_json::Error| DynoxideError::SerializationException(error.to_string());
    let output = operation(serde_json::from_str(body).map_err(unreadable)?)?;
    serde_json::to_vec(&output)
        .map(Answer::ok)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("InProcess").finish_non_exhaustive()
    }
}
