//! What every function does before its first event.

use std::sync::Arc;

use domain::Clock;
use lambda_runtime::Error;
use store::Store;
use store::directory::AddressKeys;

use crate::config::{Configuration, tables};
use crate::secrets::Secrets;
use crate::{Aws, SystemClock, env};

/// What every function has.
pub struct Start {
    /// The clients.
    pub aws: Aws,
    /// Credentials.
    pub secrets: Arc<Secrets>,
    /// The stage's keys.
    pub keys: AddressKeys,
    /// The database.
    pub store: Store,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

/// Starts logging at the level that Lambda's console sets, reads the configuration and the stage's keys, and builds the clients.
///
/// # Errors
/// Names the first variable that is not set, or says why the keys cannot be read.
pub async fn start<C: Configuration>() -> Result<(C, Start), Error> {
    telemetry::init(env("AWS_LAMBDA_LOG_LEVEL").as_deref());
    if let Some(name) = env("AWS_LAMBDA_FUNCTION_NAME") {
        telemetry::set_function(&name);
    }
    let (tables, config) = (tables()?, C::from_env()?);
    let aws = Aws::load().await;
    let secrets = aws.secrets()?;
    let keys = secrets.keys().await?;
    let store = aws.store(tables, keys.clone());
    Ok((config, Start { aws, secrets, keys, store, clock: Arc::new(SystemClock) }))
}
