//! Configuration: environment variables, read once before the first event.

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

/// Declares a function's configuration: a struct of texts, one per variable, all of them required.
#[macro_export]
macro_rules! config {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $variable:literal,)+ }) => {
        $(#[$doc])*
        pub(crate) struct $name { $(pub(crate) $field: String,)+ }

        impl $name {
            /// Reads the environment.
            ///
            /// # Errors
            /// Names the first variable that is not set.
            pub(crate) fn from_env() -> Result<Self, $crate::Missing> {
                Ok(Self { $($field: $crate::env($variable).ok_or($crate::Missing($variable))?,)+ })
            }
        }
    };
}
