//! Credentials: from Secrets Manager, or from the local stack's file. Read when first needed, and again after a while, for rotation.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use domain::OrgId;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;
use store::directory::AddressKeys;
use tokio::sync::Mutex;
use usecases::secrets::{SecretError, SecretSource};

use crate::{Aws, Missing, env};

/// How long a secret is used before it is read again.
const FRESH: Duration = Duration::from_mins(5);
/// The stage's own secret. An organisation may be called `-`, so this name is refused to organisations.
const STAGE_KEYS: &str = "-/keys";

enum Source {
    /// AWS: `{prefix}/{org_id}/{name}`.
    SecretsManager { client: aws_sdk_secretsmanager::Client, prefix: String },
    /// The local stack: one JSON file, `{"org_id/name": {...}}`.
    File(PathBuf),
}

/// Reads and remembers secrets.
pub struct Secrets {
    source: Source,
    memory: Mutex<HashMap<String, (Instant, Value)>>,
}

impl Aws {
    /// Credentials from where the environment says: `SECRETS_FILE` (the local stack alone sets it), else `SECRETS_PREFIX` in Secrets Manager.
    ///
    /// # Errors
    /// If neither is set.
    pub fn secrets(&self) -> Result<Arc<Secrets>, Missing> {
        let source = match (env("SECRETS_FILE"), env("SECRETS_PREFIX")) {
            (Some(file), _) => Source::File(file.into()),
            (None, Some(prefix)) => Source::SecretsManager { client: self.secrets_manager(), prefix },
            (None, None) => return Err(Missing("SECRETS_PREFIX")),
        };
        Ok(Arc::new(Secrets { source, memory: Mutex::default() }))
    }
}

impl Secrets {
    /// The stage's keys: for addresses, cursors and tokens.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn keys(&self) -> Result<AddressKeys, SecretError> {
        let secret = self.read(STAGE_KEYS.to_owned(), FRESH).await?;
        let master = usecases::secrets::field(&secret, "master")?;
        AddressKeys::new(master.as_bytes()).map_err(|_| SecretError::Unfit("a master key of enough length"))
    }

    /// The organisation's secret, as it was at most `age` ago.
    async fn of_organisation(&self, org: &OrgId, name: &str, age: Duration) -> Result<Value, SecretError> {
        let name = format!("{org}/{name}");
        if name == STAGE_KEYS { Err(SecretError::NotFound) } else { self.read(name, age).await }
    }

    async fn read(&self, name: String, age: Duration) -> Result<Value, SecretError> {
        let mut memory = self.memory.lock().await;
        let remembered = memory.get(&name).filter(|(read_at, _)| read_at.elapsed() < FRESH);
        if let Some((_, secret)) = remembered.filter(|(read_at, _)| read_at.elapsed() < age) {
            return Ok(secret.clone());
        }
        match (self.source.fetch(&name).await, remembered) {
            (Err(SecretError::Unavailable(_)), Some((_, secret))) => Ok(secret.clone()),
            (read, _) => {
                let secret = read?;
                memory.insert(name, (Instant::now(), secret.clone()));
                Ok(secret)
            }
        }
    }
}

impl SecretSource for Secrets {
    fn secret<'a>(&'a self, org: &'a OrgId, name: &'a str) -> BoxFuture<'a, Result<Value, SecretError>> {
        self.of_organisation(org, name, FRESH).boxed()
    }

    fn secret_now<'a>(&'a self, org: &'a OrgId, name: &'a str) -> BoxFuture<'a, Result<Value, SecretError>> {
        self.of_organisation(org, name, Duration::ZERO).boxed()
    }
}

impl Source {
    async fn fetch(&self, name: &str) -> Result<Value, SecretError> {
        match self {
            Self::File(path) => {
                let text = std::fs::read(path).map_err(|e| SecretError::Unavailable(e.into()))?;
                let all: Value = serde_json::from_slice(&text).map_err(|_| SecretError::Unfit("JSON"))?;
                all.get(name).cloned().ok_or(SecretError::NotFound)
            }
            Self::SecretsManager { client, prefix } => {
                let answer = client.get_secret_value().secret_id(format!("{prefix}/{name}")).send().await;
                let unread = |e| SecretError::Unavailable(Box::new(e));
                let answer = answer.map_err(|e| refused(e.code()).unwrap_or_else(|| unread(e)))?;
                let text = answer.secret_string.ok_or(SecretError::Unfit("text"))?;
                serde_json::from_str(&text).map_err(|_| SecretError::Unfit("JSON"))
            }
        }
    }
}

/// What somebody has to change before the secret can be read, if that is what the answer says
/// (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html#API_GetSecretValue_Errors>).
fn refused(code: Option<&str>) -> Option<SecretError> {
    match code? {
        // The second is one that somebody has deleted: it stays for its recovery window and cannot be read.
        "ResourceNotFoundException" | "InvalidRequestException" => Some(SecretError::NotFound),
        "DecryptionFailure" | "AccessDeniedException" => Some(SecretError::Unfit("the right to be read")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_somebody_must_mend_is_told_from_a_service_that_does_not_answer() {
        for code in ["ResourceNotFoundException", "InvalidRequestException"] {
            assert!(matches!(refused(Some(code)), Some(SecretError::NotFound)), "{code}");
        }
        for code in ["DecryptionFailure", "AccessDeniedException"] {
            assert!(matches!(refused(Some(code)), Some(SecretError::Unfit(_))), "{code}");
        }
        for code in [None, Some("InternalServiceError"), Some("ThrottlingException")] {
            assert!(refused(code).is_none(), "{code:?}");
        }
    }

    #[tokio::test]
    async fn a_secret_that_was_of_no_use_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        let secrets = Secrets { source: Source::File(path.clone()), memory: Mutex::default() };
        let org: OrgId = "o".parse().unwrap();
        let write = |token: &str| {
            let all = serde_json::json!({ "o/twilio": { "auth_token": token } });
            std::fs::write(&path, all.to_string()).unwrap();
        };
        write("old");
        assert_eq!(secrets.secret(&org, "twilio").await.unwrap()["auth_token"], "old");
        write("new");
        assert_eq!(secrets.secret(&org, "twilio").await.unwrap()["auth_token"], "old", "it is remembered");
        assert_eq!(secrets.secret_now(&org, "twilio").await.unwrap()["auth_token"], "new");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            secrets.secret_now(&org, "twilio").await.unwrap()["auth_token"],
            "new",
            "nobody says better"
        );
        assert_eq!(secrets.secret(&org, "twilio").await.unwrap()["auth_token"], "new");
    }

    #[tokio::test]
    async fn the_stages_keys_are_no_organisations_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        let master = "k".repeat(64);
        let all = serde_json::json!({ "-/keys": { "master": master }, "-/twilio": { "auth_token": "t" } });
        std::fs::write(&path, all.to_string()).unwrap();
        let secrets = Secrets { source: Source::File(path), memory: Mutex::default() };
        let org: OrgId = "-".parse().unwrap();
        assert!(secrets.keys().await.is_ok());
        assert!(matches!(secrets.secret(&org, "keys").await, Err(SecretError::NotFound)));
        assert!(secrets.secret(&org, "twilio").await.is_ok());
    }
}
