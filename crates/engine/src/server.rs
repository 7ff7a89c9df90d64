//! A listener with a thread and a small runtime of its own.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::sync::{oneshot, watch};

use crate::EngineError;

/// How long requests that are under way get after [`Server::stop`]; then their connections are cut.
const GRACE: Duration = Duration::from_secs(2);

/// Binds `address`.
///
/// # Errors
///
/// [`EngineError::PortTaken`] or [`EngineError::Listen`].
pub(crate) fn bind(service: &'static str, address: SocketAddr) -> Result<TcpListener, EngineError> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => EngineError::PortTaken { service, address },
        _ => EngineError::Listen { service, address, source },
    })
}

/// Answers with `router` until `stopping`.
pub(crate) async fn answer_on(
    listener: tokio::net::TcpListener,
    router: Router,
    mut stopping: Stopping,
) -> io::Result<()> {
    // Answers are small: without this the last part of one waits for the client's acknowledgement.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
    });
    axum::serve(listener, router).with_graceful_shutdown(async move { stopping.wait().await }).await
}

/// The serving thread of one engine.
pub(crate) struct Server {
    address: SocketAddr,
    stopping: watch::Sender<bool>,
    stopped: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves `listener` on a new thread until stopped.
    ///
    /// Both engines run SQLite on the thread that reads the request: one thread each is what SQLite's single
    /// writer can use, and the caller's own runtime is left alone.
    ///
    /// # Errors
    ///
    /// [`EngineError::Thread`] or [`EngineError::Listen`].
    pub(crate) fn spawn<S, F>(
        service: &'static str,
        listener: TcpListener,
        stopping: watch::Sender<bool>,
        serve: S,
    ) -> Result<Self, EngineError>
    where
        S: FnOnce(tokio::net::TcpListener, Stopping) -> F + Send + 'static,
        F: Future<Output = io::Result<()>>,
    {
        let thread = |source| EngineError::Thread { service, source };
        let address = listener.local_addr().map_err(thread)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(thread)?;
        let (done, stopped) = oneshot::channel();
        let stop = Stopping(stopping.subscribe());
        let body = move || {
            let served = runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let mut grace = stop.clone();
                tokio::select! {
                    served = serve(listener, stop) => served,
                    () = async { grace.wait().await; tokio::time::sleep(GRACE).await } => Ok(()),
                }
            });
            drop(runtime);
            if let Err(error) = served {
                tracing::error!(service, %error, "the engine's listener failed");
            }
            // Nobody may be waiting: an engine that is dropped joins the thread instead.
            done.send(()).ok();
        };
        let name = format!("engine-{}", service.to_lowercase());
        let thread = std::thread::Builder::new().name(name).spawn(body).map_err(thread)?;
        Ok(Self { address, stopping, stopped: Some(stopped), thread: Some(thread) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks the thread to end: no new connections, and the open ones end with their request.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits for the thread without blocking the caller's runtime.
    pub(crate) async fn stopped(&mut self) {
        if let Some(stopped) = self.stopped.take() {
            // An error means that the thread is gone already, which is what is waited for.
            drop(stopped.await);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a thread of the engine panicked");
        }
    }
}

/// The other end of [`Server::stop`].
#[derive(Clone)]
pub(crate) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    pub(crate) fn new(receiver: watch::Receiver<bool>) -> Self {
        Self(receiver)
    }

    /// Resolves once the server is asked to stop, or is gone.
    pub(crate) async fn wait(&mut self) {
        // An error means that the sender is gone: also a reason to stop.
        drop(self.0.wait_for(|stop| *stop).await.map(|_| ()));
    }
}
