//! What the integration tests share.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use local::functions::{Pool, Spec};
use serde_json::Value as Json;

/// The binary of `examples/probe.rs`. Cargo builds examples for `cargo test`, though not for `cargo test --test`.
pub(crate) fn probe() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let path = here.parent().unwrap().parent().unwrap().join("examples/probe");
    assert!(path.is_file(), "{} is missing: cargo build -p local --examples", path.display());
    path
}

/// A pool of `binary` with a small environment.
pub(crate) fn pool(binary: &Path, logs: &Path, maximum: usize, timeout: Duration) -> Pool {
    let environment = BTreeMap::from(
        [
            ("AWS_LAMBDA_FUNCTION_NAME", "probe"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let spec = Spec {
        name: "probe".into(),
        arn: "arn:aws:lambda:us-east-1:000000000000:function:probe".into(),
        binary: binary.to_path_buf(),
        environment,
        timeout,
        memory_mb: 128,
        maximum,
    };
    Pool::new(spec, logs).unwrap()
}

/// Invokes a pool with JSON.
pub(crate) async fn invoke(pool: &Pool, event: Json) -> Result<Json, local::functions::InvokeError> {
    let answer = pool.invoke(event.to_string().into_bytes().into()).await?;
    Ok(serde_json::from_slice(&answer).unwrap())
}

/// Waits until something holds; fails after ten seconds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("in ten seconds it did not come true that {what}");
}

/// Whether a process exists that is not a zombie.
pub(crate) fn runs(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}
