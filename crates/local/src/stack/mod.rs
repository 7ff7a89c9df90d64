//! The whole system on this machine: start, use, stop.

mod functions;
mod parts;
mod server;
mod twins;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::Result;
use axum::Router;
use engine::{Engine, Tap};
use simulators::Simulators;

use self::{
    functions::Functions,
    parts::{binaries, engine, kept, parameters, topic},
    server::{Server, bind},
};
use crate::{
    build_functions,
    data::{DataFolder, DataLock},
    functions::{Pool, Surroundings, Worked},
    gateway::Gateway,
    jwt::{Grant, Keys},
    poll::Poller,
    provision::{Clients, provision},
    schedule::Schedule,
    secrets, seed,
    template::Template,
};

pub use self::twins::{Exchange, Exchanges};
pub(crate) use self::twins::{THREAD as SIMULATORS_THREAD, Twins};

/// Who is shown what the functions ask of AWS and of the providers.
#[derive(Clone)]
pub struct Watch {
    /// Of the embedded engine.
    pub aws: Tap,
    /// Of the simulators.
    pub providers: Exchanges,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch(..)")
    }
}

/// How to start a [`Stack`].
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// The port of the HTTP API on 127.0.0.1; 0 picks a free one.
    pub port: u16,
    /// Where everything is kept that survives a restart.
    pub data: PathBuf,
    /// Another DynamoDB and SQS to use instead of the embedded engine.
    pub engine: Option<String>,
    /// The template; the workspace's own in the default.
    pub template: PathBuf,
    /// Where the function binaries come from.
    pub binaries: Binaries,
    /// Whether an empty data folder gets the demo organisation.
    pub seed: bool,
    /// Who is shown all calls.
    pub watch: Option<Watch>,
}

/// Where the function binaries come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binaries {
    /// Cargo builds them first, as the running program was built.
    Build,
    /// They are beside the running program, all of them.
    Present,
    /// They are in this folder.
    In(PathBuf),
}

impl StackOptions {
    /// A stack with its data in `data`, on a free port, with the workspace's template, binaries that are there
    /// already, and no demo data.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            port: 0,
            data: data.into(),
            engine: None,
            template: build_functions::workspace().join("template.yaml"),
            binaries: Binaries::Present,
            seed: false,
            watch: None,
        }
    }
}

/// How long work under way may take when the stack stops, before it is cut off.
const GRACE: Duration = Duration::from_secs(5);

/// A running stack. To be ended with [`Stack::stop`]; dropping it ends it too, without waiting for anything.
#[derive(Debug)]
pub struct Stack {
    base_url: String,
    data: DataFolder,
    keys: Keys,
    clients: Clients,
    // In the order in which they end.
    schedules: Vec<Schedule>,
    pollers: Vec<Poller>,
    simulators: Twins,
    server: Server,
    pools: Vec<Pool>,
    engine: Option<Engine>,
    _lock: DataLock,
}

impl Stack {
    /// Starts everything and returns when it serves (and is seeded, if that was asked for).
    ///
    /// # Errors
    /// With a sentence for the person at the terminal: the port is taken, another stack has the folder, a function
    /// does not build, the template holds something unknown, ...
    pub async fn start(options: StackOptions) -> Result<Self> {
        // The port first: nothing is touched when the start cannot succeed.
        let listener = bind(options.port).await?;
        let port = listener.local_addr()?.port();
        let base_url = format!("http://127.0.0.1:{port}");
        let data = DataFolder::create(&options.data)?;
        let lock = data.lock()?;
        let mut template = Template::read(&options.template, &parameters(&base_url))?;
        let binaries = binaries(&options.binaries, &template).await?;

        if seed::was_used(&data)? {
            data.holds(kept(&options))?;
        }
        let keys = Keys::load_or_create(&data)?;
        secrets::load_or_create(&data)?;
        let (engine, dynamodb_url, sqs_url) = engine(&options, &data)?;
        let clients = Clients::new(&dynamodb_url, &sqs_url);
        let provisioned = provision(&template, &clients).await?;
        for warning in &provisioned.warnings {
            tracing::warn!("{warning}");
        }
        template.set_queue_urls(&provisioned.queue_urls);

        let exchanges = options.watch.as_ref().map(|watch| watch.providers.clone());
        let simulators = Twins::start(&data, &base_url, topic(&template)?, exchanges).await?;
        let around = Surroundings {
            base_url: base_url.clone(),
            providers_url: simulators.url(),
            dynamodb_url,
            sqs_url,
            secrets_file: data.join(secrets::FILE),
            chosen: Surroundings::chosen_by_user(),
        };
        let running = Functions::new(&template, &binaries, &around, &data)?;
        running.warm().await;

        let gateway = Gateway::new(template.routes()?, |id| running.pool(id), Keys::load(&data)?, port)?;
        let router =
            Router::new().nest("/sim", simulators.simulators().router()).merge(gateway.into_router());
        let server = Server::start(listener, router);
        let pollers = running.pollers(&template, &clients, &provisioned.queue_urls)?;
        let schedules = running.schedules()?;
        let pools = running.pools();
        let stack = Self {
            base_url,
            data,
            keys,
            clients,
            schedules,
            pollers,
            simulators,
            server,
            pools,
            engine,
            _lock: lock,
        };
        match seed::run_once(&stack, options.seed).await {
            Ok(()) => Ok(stack),
            Err(error) => {
                stack.stop().await;
                Err(error)
            }
        }
    }

    /// The public address, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The data folder.
    pub fn data(&self) -> &DataFolder {
        &self.data
    }

    /// Whether the data folder began with the demo organisation.
    pub fn is_demo(&self) -> bool {
        seed::is_demo(&self.data)
    }

    /// Clients of the stack's DynamoDB and SQS.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The providers' twins.
    pub fn simulators(&self) -> &Simulators {
        self.simulators.simulators()
    }

    /// How long a process of each function takes from its start to the moment when it asks for its first event, by package, one after the
    /// other.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn time_starts(&self) -> Result<BTreeMap<String, Duration>> {
        let mut times = BTreeMap::new();
        for pool in &self.pools {
            times.insert(pool.name().to_owned(), pool.time_start().await?);
        }
        Ok(times)
    }

    /// What each function has done so far, by package.
    pub fn worked(&self) -> BTreeMap<String, Worked> {
        self.pools.iter().map(|pool| (pool.name().to_owned(), pool.worked())).collect()
    }

    /// A token that the gateway accepts.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn token(&self, grant: &Grant) -> Result<String> {
        self.keys.sign(grant)
    }

    /// Stops: takes no more work, lets what is under way end for some seconds, then ends every process.
    pub async fn stop(self) {
        drop(self.schedules);
        // Invocations need the server (simulators) and the engine, so these go after them.
        let pollers = futures_util::future::join_all(self.pollers.into_iter().map(Poller::stop));
        let in_time = tokio::time::timeout(GRACE, pollers).await.is_ok();
        let grace = if in_time { GRACE } else { Duration::ZERO };
        if tokio::time::timeout(GRACE, self.simulators.stop()).await.is_err() {
            tracing::warn!(
                "the simulators' callbacks were cut off; they are sent again after the next start"
            );
        }
        self.server.stop(grace).await;
        futures_util::future::join_all(self.pools.iter().map(|pool| pool.stop(grace))).await;
        if let Some(engine) = self.engine {
            engine.stop().await;
        }
    }
}
