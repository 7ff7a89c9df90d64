//! Configuration: environment variables, read once before the first event.

use store::Tables;
use thiserror::Error;

/// A variable that must be set and is not.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the environment variable {0} is not set")]
pub struct Missing(pub &'static str);

/// An environment variable; empty counts as not set.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// An environment variable that must be set.
///
/// # Errors
/// Names it if it is not.
pub fn required(name: &'static str) -> Result<String, Missing> {
    env(name).ok_or(Missing(name))
}

/// The tables `directory`, `bulk-actions` and `message-logs`, by name, as every function is told them.
pub(crate) fn tables() -> Result<Tables, Missing> {
    Ok(Tables {
        directory: required("TABLE_DIRECTORY")?,
        bulk_actions: required("TABLE_BULK_ACTIONS")?,
        message_logs: required("TABLE_MESSAGE_LOGS")?,
    })
}

/// A part of the environment that a function reads.
pub trait Configuration: Sized {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the first variable that is not set.
    fn from_env() -> Result<Self, Missing>;
}

/// Declares a function's configuration: a text for each variable of its own and, behind them, a part that several functions read. All of them
/// are required. What every function reads is not declared.
#[macro_export]
macro_rules! config {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $variable:literal,)* $(..$shared:ident: $part:ty)? }) => {
        $(#[$doc])*
        pub(crate) struct $name {
            $(pub(crate) $field: String,)*
            $(pub(crate) $shared: $part,)?
        }

        impl $crate::Configuration for $name {
            fn from_env() -> Result<Self, $crate::Missing> {
                Ok(Self {
                    $($field: $crate::required($variable)?,)*
                    $($shared: <$part as $crate::Configuration>::from_env()?,)?
                })
            }
        }
    };
}
