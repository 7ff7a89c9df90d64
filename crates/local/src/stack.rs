//! The whole system on this machine: start, use, stop.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use axum::Router;
use engine::{Engine, EngineOptions};
use simulators::Simulators;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    build_functions::{self, Build},
    data::{DataFolder, DataLock},
    functions::{Pool, Spec, Surroundings, worker_environment},
    gateway::Gateway,
    jwt::{self, Grant, Keys},
    poll::{Mapping, Poller},
    provision::{Clients, provision},
    schedule::Schedule,
    secrets, seed,
    template::{ACCOUNT, Function, REGION, Template},
};

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
}

/// Where the function binaries come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binaries {
    /// Cargo builds them first, as the running program was built.
    Build,
    /// They are beside the running program.
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
        }
    }
}

/// How long work under way may take when the stack stops, before it is cut off.
const GRACE: Duration = Duration::from_secs(5);
/// The most processes of one function for each of its sources. In AWS there is one machine per process.
const PROCESSES: usize = 8;
/// The most processes that answer HTTP requests of one function.
const HTTP_PROCESSES: usize = 4;

/// A running stack. Dropping it without [`Stack::stop`] kills the functions' processes at once.
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

/// The simulators, named for [`std::fmt::Debug`], which they lack.
struct Twins(Simulators);

impl std::fmt::Debug for Twins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Simulators")
    }
}

#[derive(Debug)]
struct Server {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
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

        let keys = Keys::load_or_create(&data)?;
        secrets::load_or_create(&data)?;
        let (engine, dynamodb_url, sqs_url) = engine(&options, &data)?;
        let clients = Clients::new(&dynamodb_url, &sqs_url);
        let provisioned = provision(&template, &clients).await?;
        for warning in &provisioned.warnings {
            tracing::warn!("{warning}");
        }
        template.set_queue_urls(&provisioned.queue_urls);

        let sns_topic_arn = topic(&template)?;
        let around = Surroundings {
            base_url: base_url.clone(),
            dynamodb_url,
            sqs_url,
            secrets_file: data.join(secrets::FILE),
            chosen: Surroundings::chosen_by_user(),
        };
        let running = Functions::new(&template, &binaries, &around, &data)?;
        running.warm().await;

        let simulators = simulators(&data, &base_url, sns_topic_arn).await?;
        let gateway = Gateway::new(template.routes()?, |id| running.pool(id), Keys::load(&data)?, port)?;
        let router = Router::new().nest("/sim", simulators.router()).merge(gateway.into_router());
        let server = Server::start(listener, router);
        let pollers = running.pollers(&template, &clients, &provisioned.queue_urls)?;
        let schedules = running.schedules()?;
        let simulators = Twins(simulators);
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
        if tokio::time::timeout(GRACE, self.simulators.0.stop()).await.is_err() {
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

async fn bind(port: u16) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow!("port {port} is taken by another program; stop it, or choose another with --port")
        }
        _ => anyhow!("cannot listen on port {port}: {error}"),
    })
}

/// Values of the template's parameters on this machine.
fn parameters(base_url: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("Stage", "local".to_owned()),
        ("PublicBaseUrl", base_url.to_owned()),
        ("JwtIssuer", jwt::ISSUER.to_owned()),
        ("JwtAudience", jwt::AUDIENCE.to_owned()),
        ("AllowedOrigins", base_url.to_owned()),
    ])
}

/// The topic that SES reports to, as the template tells a function, so that the simulator's events are believed.
fn topic(template: &Template) -> Result<String> {
    let mut functions = template.functions()?.into_iter();
    let named = functions.find_map(|mut function| function.environment.remove("SNS_TOPIC_ARN"));
    Ok(named.unwrap_or_else(|| format!("arn:aws:sns:{REGION}:{ACCOUNT}:events")))
}

async fn binaries(choice: &Binaries, template: &Template) -> Result<PathBuf> {
    let packages: BTreeSet<String> =
        template.functions()?.into_iter().map(|function| function.package).collect();
    let packages: Vec<String> = packages.into_iter().collect();
    match choice {
        Binaries::In(folder) => Ok(folder.clone()),
        Binaries::Present => {
            let build = Build::of_this_program()?;
            build.check(&packages)?;
            Ok(build.binaries)
        }
        Binaries::Build => {
            let build = Build::of_this_program()?;
            build.run(&packages).await?;
            Ok(build.binaries)
        }
    }
}

/// The embedded engine, unless another is to be used, and where DynamoDB and SQS are.
fn engine(options: &StackOptions, data: &DataFolder) -> Result<(Option<Engine>, String, String)> {
    if let Some(url) = &options.engine {
        return Ok((None, url.clone(), url.clone()));
    }
    let engine = EngineOptions { data: Some(data.join("engine")), ..EngineOptions::default() };
    let engine = Engine::start(engine).context("the embedded engine does not start")?;
    let (dynamodb, sqs) = (engine.dynamodb_url(), engine.sqs_url());
    Ok((Some(engine), dynamodb, sqs))
}

async fn simulators(data: &DataFolder, base_url: &str, sns_topic_arn: String) -> Result<Simulators> {
    let folder = data.clone();
    let options = simulators::Options {
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
    Simulators::start(options).await.context("the simulators do not start")
}

impl Server {
    fn start(listener: TcpListener, router: Router) -> Self {
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

    async fn stop(self, grace: Duration) {
        self.stop.send_replace(true);
        let abort = self.task.abort_handle();
        if tokio::time::timeout(grace, self.task).await.is_err() {
            abort.abort();
        }
    }
}

/// The template's functions with their pools.
struct Functions(Vec<(Function, Pool)>);

impl Functions {
    fn new(
        template: &Template,
        binaries: &std::path::Path,
        around: &Surroundings,
        data: &DataFolder,
    ) -> Result<Self> {
        let over_http: BTreeSet<String> =
            template.routes()?.into_iter().map(|route| route.function).collect();
        let functions = template.functions()?.into_iter().map(|function| {
            let spec = Spec {
                name: function.package.clone(),
                arn: function.arn(),
                binary: binaries.join(&function.package),
                environment: worker_environment(&function, around),
                timeout: function.timeout,
                maximum: maximum(&function, over_http.contains(&function.id)),
            };
            let pool = Pool::new(spec, &data.join("logs"))?;
            Ok((function, pool))
        });
        functions.collect::<Result<_>>().map(Self)
    }

    /// Starts one process of each, so that one that does not start is known at once. It is reported by its pool
    /// and keeps nothing else from starting.
    async fn warm(&self) {
        let all = self.0.iter().map(|(_, pool)| pool.warm());
        drop(futures_util::future::join_all(all).await);
    }

    fn pool(&self, id: &str) -> Option<Pool> {
        self.0.iter().find(|(function, _)| function.id == id).map(|(_, pool)| pool.clone())
    }

    fn pollers(
        &self,
        template: &Template,
        clients: &Clients,
        urls: &BTreeMap<String, String>,
    ) -> Result<Vec<Poller>> {
        let queues = template.queues()?;
        let by_name: HashMap<&str, &str> =
            queues.iter().map(|queue| (queue.name.as_str(), queue.id.as_str())).collect();
        let mut pollers = Vec::new();
        for (function, pool) in &self.0 {
            for source in &function.queues {
                let id = by_name.get(source.queue.as_str());
                let url = id.and_then(|id| urls.get(*id));
                let url = url
                    .with_context(|| format!("{} polls {}, which is no queue", function.id, source.queue))?;
                pollers.push(Poller::start(Mapping {
                    client: clients.sqs.clone(),
                    queue_url: url.clone(),
                    queue_arn: format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", source.queue),
                    concurrency: concurrency(source.max_concurrency).min(pool.maximum()),
                    source: source.clone(),
                    pool: pool.clone(),
                }));
            }
        }
        Ok(pollers)
    }

    fn schedules(&self) -> Result<Vec<Schedule>> {
        let all =
            self.0.iter().flat_map(|(function, pool)| function.schedules.iter().map(move |s| (s, pool)));
        all.map(|(source, pool)| Schedule::start(source.clone(), pool.clone())).collect()
    }

    fn pools(self) -> Vec<Pool> {
        self.0.into_iter().map(|(_, pool)| pool).collect()
    }
}

fn concurrency(maximum: Option<u32>) -> usize {
    maximum.and_then(|count| usize::try_from(count).ok()).unwrap_or(PROCESSES).clamp(1, PROCESSES)
}

/// The most processes of a function: room for each of its sources, unless the template reserves fewer.
fn maximum(function: &Function, over_http: bool) -> usize {
    let http = if over_http { HTTP_PROCESSES } else { 0 };
    let queues: usize = function.queues.iter().map(|source| concurrency(source.max_concurrency)).sum();
    let all = (http + queues + function.schedules.len()).max(1);
    let reserved = function.reserved_concurrency.and_then(|count| usize::try_from(count).ok());
    reserved.map_or(all, |reserved| all.min(reserved.max(1)))
}
