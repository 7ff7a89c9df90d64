//! Why an invocation gave no answer.

use std::time::Duration;

/// An invocation that failed, told so that a developer sees at once which function and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The function itself answered with an error.
    #[error("{function} failed with {kind}: {message}")]
    Function {
        /// Its package.
        function: String,
        /// The error's type, as the runtime reports it.
        kind: String,
        /// The error's text.
        message: String,
    },
    /// The invocation took longer than the function's time-out; its process was killed, as Lambda does.
    #[error("{function} timed out after {:.2} s and was stopped", after.as_secs_f64())]
    TimedOut {
        /// Its package.
        function: String,
        /// The time-out.
        after: Duration,
    },
    /// The process ended in the middle of the invocation.
    #[error("{function} crashed while it worked ({status}); see {log}")]
    Crashed {
        /// Its package.
        function: String,
        /// How the process ended.
        status: String,
        /// Where its output is.
        log: String,
    },
    /// The process never asked for its first event.
    #[error("{function} does not start: {detail}")]
    Init {
        /// Its package.
        function: String,
        /// What it last said.
        detail: String,
        /// It is not tried again before this has passed.
        retry_after: Duration,
    },
    /// The stack is stopping.
    #[error("the stack is stopping")]
    Stopped,
}
