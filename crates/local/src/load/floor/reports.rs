//! Somebody who takes the providers' reports.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use axum::{Router, body::Bytes};
use serde_json::Value as Json;
use tokio::net::TcpListener;

/// The reports are through when none has come for so long.
const QUIET: Duration = Duration::from_millis(400);

/// Takes the providers' reports.
pub(super) struct Reports {
    began: Instant,
    /// Milliseconds from then to the last report; 0 before the first.
    last_ms: Arc<AtomicU64>,
}

/// A server that thanks for everything, and its address.
pub(super) async fn sink() -> Result<(String, Reports)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let reports = Reports { began: Instant::now(), last_ms: Arc::default() };
    let (began, last) = (reports.began, reports.last_ms.clone());
    let router = Router::new().fallback(move |body: Bytes| async move {
        confirm(&body);
        last.fetch_max(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        "{}"
    });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "nobody takes reports any more");
        }
    });
    Ok((url, reports))
}

/// Confirms SNS's subscription, without which it would report nothing.
fn confirm(report: &[u8]) {
    let question =
        serde_json::from_slice::<Json>(report).ok().filter(|it| it["Type"] == "SubscriptionConfirmation");
    if let Some(url) = question.and_then(|question| question["SubscribeURL"].as_str().map(str::to_owned)) {
        tokio::spawn(async move {
            let client = reqwest::Client::builder().no_proxy().build();
            let asked = async { client?.get(url).send().await };
            if let Err(error) = asked.await {
                tracing::error!(%error, "the subscription cannot be confirmed");
            }
        });
    }
}

impl Reports {
    /// When the last report came; returns when none has come for a while.
    pub(super) async fn last_after_quiet(&self) -> Option<Instant> {
        loop {
            let last = self.last_ms.load(Ordering::Relaxed);
            let at = self.began + Duration::from_millis(last);
            if at.elapsed() > QUIET {
                return (last > 0).then_some(at);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
