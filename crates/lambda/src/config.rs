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

/// The tables `directory`, `bulk-actions` and `message-logs`, by name, as every function is told them.
///
/// # Errors
/// Names the first variable that is not set.
pub fn tables() -> Result<Tables, Missing> {
    let required = |name| env(name).ok_or(Missing(name));
    Ok(Tables {
        directory: required("TABLE_DIRECTORY")?,
        bulk_actions: required("TABLE_BULK_ACTIONS")?,
        message_logs: required("TABLE_MESSAGE_LOGS")?,
    })
}

/// Declares a function's configuration: the tables, and a text for each variable of its own, all of them required.
#[macro_export]
macro_rules! config {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $variable:literal,)* }) => {
        $(#[$doc])*
        pub(crate) struct $name {
            pub(crate) tables: $crate::Tables,
            $(pub(crate) $field: String,)*
        }

        impl $name {
            /// Reads the environment.
            ///
            /// # Errors
            /// Names the first variable that is not set.
            pub(crate) fn from_env() -> Result<Self, $crate::Missing> {
                Ok(Self {
                    tables: $crate::tables()?,
                    $($field: $crate::env($variable).ok_or($crate::Missing($variable))?,)*
                })
            }
        }
    };
}
