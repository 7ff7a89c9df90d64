//! The public port.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, anyhow};
use axum::Router;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// Takes the port, without answering on it yet.
pub(super) async fn bind(port: u16) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow!("port {port} is taken by another program; stop it, or choose another with --port")
        }
        _ => anyhow!("cannot listen on port {port}: {error}"),
    })
}

/// The server on it.
#[derive(Debug)]
pub(super) struct Server {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) fn start(listener: TcpListener, router: Router) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move {
            let stopped = async move {
                // An error is the stack dropped without a stop, which ends the server too.
                drop(stopped.wait_for(|stopped| *stopped).await);
            };
            if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the gateway stopped");
            }
        });
        Self { stop, task }
    }

    pub(super) async fn stop(self, grace: Duration) {
        self.stop.send_replace(true);
        let abort = self.task.abort_handle();
        if tokio::time::timeout(grace, self.task).await.is_err() {
            abort.abort();
        }
    }
}
