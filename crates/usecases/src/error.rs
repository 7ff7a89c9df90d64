//! What keeps a function from finishing its work. SQS brings the message back, and reconcile finds what SQS lost.

use thiserror::Error;

use crate::secrets::SecretError;

/// A fault that passes, or one of ours.
#[derive(Debug, Error)]
pub enum Error {
    /// The database gave no usable answer.
    #[error("the database gave no usable answer")]
    Store(#[from] store::StoreError),
    /// A queue did not take a message.
    #[error("a queue did not take a message")]
    Queue(#[from] queue::QueueError),
    /// Credentials could not be read.
    #[error("credentials could not be read")]
    Secret(#[from] SecretError),
    /// Something that was written is not there.
    #[error("{0} is not there")]
    Missing(&'static str),
    /// A service other than ours gave no answer.
    #[error("{0} gave no answer")]
    Unavailable(&'static str),
    /// Content that was accepted does not parse.
    #[error("accepted content does not parse")]
    Content(#[from] domain::variables::VariableError),
    /// The item was written by others again and again.
    #[error("{0} is written by others again and again")]
    Contended(&'static str),
}
