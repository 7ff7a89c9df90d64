//! Providers' credentials: from Secrets Manager in AWS, from a file locally.

use domain::OrgId;
use futures_util::future::BoxFuture;
use serde_json::Value;
use thiserror::Error;

/// Why credentials could not be read.
#[derive(Debug, Error)]
pub enum SecretError {
    /// There are none of that name.
    #[error("there is no secret of that name")]
    NotFound,
    /// The source did not answer.
    #[error("the source of secrets did not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is not what it must be; the text names the missing or wrong field, never a value.
    #[error("the secret lacks {0}")]
    Unfit(&'static str),
}

/// Where credentials come from.
pub trait SecretSource: Send + Sync {
    /// The secret `name` of an organisation: a JSON object.
    fn secret<'a>(&'a self, org: &'a OrgId, name: &'a str) -> BoxFuture<'a, Result<Value, SecretError>>;

    /// The same as it is now, whatever is remembered of it: that may be what was refused, and somebody may have changed it since. What is
    /// remembered will do if nobody can say how it is now.
    fn secret_now<'a>(&'a self, org: &'a OrgId, name: &'a str) -> BoxFuture<'a, Result<Value, SecretError>>;
}

/// A text field of a secret.
///
/// # Errors
/// [`SecretError::Unfit`] naming the field.
pub fn field<'a>(secret: &'a Value, name: &'static str) -> Result<&'a str, SecretError> {
    secret.get(name).and_then(Value::as_str).ok_or(SecretError::Unfit(name))
}
