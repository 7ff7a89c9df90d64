//! The providers' twins, on a thread and a port of their own: what they cost is not mixed with what the system costs.

use std::{fmt, net::SocketAddr, sync::Arc, thread::JoinHandle};

use anyhow::{Context, Result, anyhow};
use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, Uri},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use simulators::{Options, Simulators};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
};

use crate::{data::DataFolder, secrets};

/// As it appears in the list of the program's threads.
pub(crate) const THREAD: &str = "simulators";
/// The most that is read of a request that somebody looks at, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;

/// A request to a provider that was answered.
#[derive(Debug)]
pub struct Exchange {
    /// Its method.
    pub method: Method,
    /// Path and query below the twins' address.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Is shown each request to a provider.
pub type Exchanges = Arc<dyn Fn(Exchange) + Send + Sync>;

/// The running twins. Dropping them ends them without waiting.
pub(crate) struct Twins {
    address: SocketAddr,
    simulators: Arc<Simulators>,
    stop: watch::Sender<bool>,
    ended: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Twins {
    /// Starts them with their ledger in the data folder. The system is at `base_url`, where they can be reached too, below `/sim`.
    ///
    /// # Errors
    /// When the ledger cannot be used, or no thread or port is left.
    pub(crate) async fn start(
        data: &DataFolder,
        base_url: &str,
        sns_topic_arn: String,
        exchanges: Option<Exchanges>,
    ) -> Result<Self> {
        let folder = data.clone();
        let options = Options {
            data: Some(data.join("simulators")),
            public_base_url: base_url.to_owned(),
            own_base_url: format!("{base_url}/sim"),
            // Read each time: a person may add an organisation's credentials while the stack runs.
            secrets: Arc::new(move || {
                let text = folder.read(secrets::FILE).ok().flatten().unwrap_or_default();
                serde_json::from_str(&text).unwrap_or_default()
            }),
            sns_topic_arn,
        };
        let (stop, stopped) = watch::channel(false);
        let (tell, told) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let body = move || {
            let ended = run(options, exchanges, tell, stopped);
            if let Err(error) = ended {
                tracing::error!("the simulators stopped: {error:#}");
            }
            // Nobody may be waiting: what is dropped joins the thread instead.
            end.send(()).ok();
        };
        let thread = std::thread::Builder::new().name(THREAD.to_owned()).spawn(body)?;
        let started = told.await.map_err(|_| anyhow!("their thread ended")).flatten();
        let (address, simulators) = started.context("the simulators do not start")?;
        Ok(Self { address, simulators, stop, ended: Some(ended), thread: Some(thread) })
    }

    /// Where functions reach them, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The twins themselves.
    pub(crate) fn simulators(&self) -> &Simulators {
        &self.simulators
    }

    /// Waits a little for callbacks that are on their way.
    pub(crate) async fn stop(mut self) {
        self.simulators.stop().await;
        self.stop.send_replace(true);
        if let Some(ended) = self.ended.take() {
            // An error means that the thread is gone already.
            drop(ended.await);
        }
    }
}

impl Drop for Twins {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the simulators' thread panicked");
        }
    }
}

impl fmt::Debug for Twins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Twins").field("address", &self.address).finish_non_exhaustive()
    }
}

type Started = Result<(SocketAddr, Arc<Simulators>)>;

/// The thread: everything that the twins do by themselves happens here.
fn run(
    options: Options,
    exchanges: Option<Exchanges>,
    tell: oneshot::Sender<Started>,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let started = async {
            let simulators = Arc::new(Simulators::start(options).await?);
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            anyhow::Ok((listener.local_addr()?, listener, simulators))
        };
        let (address, listener, simulators) = match started.await {
            Ok(started) => started,
            Err(error) => {
                tell.send(Err(error)).ok();
                return Ok(());
            }
        };
        let router = match exchanges {
            Some(exchanges) => simulators.router().layer(from_fn_with_state(exchanges, look)),
            None => simulators.router(),
        };
        if tell.send(Ok((address, simulators))).is_err() {
            return Ok(());
        }
        tokio::select! {
            served = axum::serve(listener, router) => Ok(served?),
            _ = stopped.wait_for(|stopped| *stopped) => Ok(()),
        }
    })
}

async fn look(State(exchanges): State<Exchanges>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    // What cannot be read is refused by whoever wanted to read it.
    let body = axum::body::to_bytes(body, LARGEST).await.unwrap_or_default();
    let (method, uri, headers) = (parts.method.clone(), parts.uri.clone(), parts.headers.clone());
    let response = next.run(Request::from_parts(parts, Body::from(body.clone()))).await;
    exchanges(Exchange { method, uri, headers, body });
    response
}
