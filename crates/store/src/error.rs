//! What can go wrong with a call, apart from the answers that a caller decides on.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use thiserror::Error;

/// A call that gave no usable answer.
#[derive(Debug, Error)]
pub enum StoreError {
    /// DynamoDB refused the call or could not be reached. It may have been carried out.
    #[error("DynamoDB {operation} failed ({code})")]
    Call {
        /// The API operation.
        operation: &'static str,
        /// DynamoDB's error code, or the kind of transport failure.
        code: String,
        /// What the SDK says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An item does not convert. It was written by something else than this version of the store.
    #[error("item {key} holds a bad `{attribute}`")]
    Corrupt {
        /// Table and key of the item.
        key: String,
        /// The attribute that does not convert.
        attribute: String,
    },
    /// Some entries of a batch were still refused after several tries.
    #[error("DynamoDB {operation} left {left} entries undone ({code})")]
    Undone {
        /// The API operation.
        operation: &'static str,
        /// How many.
        left: usize,
        /// The code of one of them.
        code: String,
    },
}

impl StoreError {
    /// Maps an SDK error of `operation`.
    pub(crate) fn call<E>(operation: &'static str) -> impl FnOnce(SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        move |error| {
            let code = error.code().map_or_else(|| transport_kind(&error), str::to_owned);
            Self::Call { operation, code, source: Box::new(error) }
        }
    }
}

fn transport_kind<E, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ConstructionFailure(_) => "request could not be built",
        SdkError::TimeoutError(_) => "timed out",
        SdkError::DispatchFailure(_) => "not reached",
        SdkError::ResponseError(_) => "unreadable answer",
        _ => "no code",
    }
    .to_owned()
}
