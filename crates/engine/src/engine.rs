//! Starting and stopping the two engines together.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use dynoxide::Database;

use crate::clock::{Clock, system_clock};
use crate::dynamodb::Sweeper;
use crate::folder::Folder;
use crate::server::Server;
use crate::tap::Tap;
use crate::{EngineError, Sqs};

/// How to start an [`Engine`]. The default is in memory, on loopback, on ports that the system picks.
#[derive(Clone)]
pub struct EngineOptions {
    /// The folder of `dynamodb.sqlite` and `sqs.sqlite`; made if absent. `None` keeps everything in memory.
    pub data: Option<PathBuf>,
    /// The address that both listeners are bound to. Nothing is authenticated: keep it on loopback.
    pub address: IpAddr,
    /// The port of DynamoDB; 0 lets the system pick.
    pub dynamodb_port: u16,
    /// The port of SQS; 0 lets the system pick.
    pub sqs_port: u16,
    /// The time for visibility, delays and retention of messages and, in memory, for DynamoDB's TTL. In a data folder
    /// TTL goes by the machine's clock.
    pub clock: Clock,
    /// Is shown each call.
    pub tap: Option<Tap>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            data: None,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            dynamodb_port: 0,
            sqs_port: 0,
            clock: system_clock(),
            tap: None,
        }
    }
}

/// The running engine. Dropping it stops it and waits, up to two seconds if a client is in the middle of a request.
pub struct Engine {
    // In the order in which they must go: listeners, then what they use, then the lock of the folder.
    dynamodb: Server,
    sqs: Server,
    _sweeper: Sweeper,
    database: Database,
    queues: Sqs,
    _folder: Option<Folder>,
}

impl Engine {
    /// Opens the databases, binds both ports and serves. Requests are accepted when this returns.
    ///
    /// # Errors
    ///
    /// [`EngineError`] says which folder, file or port is in the way.
    pub fn start(options: EngineOptions) -> Result<Self, EngineError> {
        let EngineOptions { data, address, dynamodb_port, sqs_port, clock, tap } = options;
        let folder = data.as_deref().map(Folder::open).transpose()?;
        let file = |name| folder.as_ref().map(|folder| folder.file(name));

        let dynamodb_listener =
            crate::server::bind(crate::dynamodb::SERVICE, SocketAddr::new(address, dynamodb_port))?;
        let sqs_listener = crate::server::bind(crate::sqs::SERVICE, SocketAddr::new(address, sqs_port))?;

        let database = crate::dynamodb::open(file("dynamodb.sqlite").as_deref(), clock.clone())?;
        let queues = Sqs::open(file("sqs.sqlite").as_deref(), clock)?;
        let sweeper = Sweeper::spawn(database.clone())?;
        Ok(Self {
            dynamodb: crate::dynamodb::serve(dynamodb_listener, database.clone(), tap.clone())?,
            sqs: queues.serve(sqs_listener, tap)?,
            _sweeper: sweeper,
            database,
            queues,
            _folder: folder,
        })
    }

    /// The endpoint of DynamoDB, for `AWS_ENDPOINT_URL_DYNAMODB`.
    pub fn dynamodb_url(&self) -> String {
        format!("http://{}", self.dynamodb.address())
    }

    /// The endpoint of SQS, for `AWS_ENDPOINT_URL_SQS`.
    pub fn sqs_url(&self) -> String {
        format!("http://{}", self.sqs.address())
    }

    /// The queues as seen without a client: counts, purging.
    pub fn sqs(&self) -> &Sqs {
        &self.queues
    }

    /// Removes the items whose TTL has passed and returns their number. Otherwise done every 15 minutes; until then they
    /// can be read, as on AWS.
    ///
    /// # Errors
    ///
    /// [`EngineError::Database`].
    pub fn sweep_ttl(&self) -> Result<usize, EngineError> {
        self.database.sweep_ttl().map_err(|source| EngineError::Database {
            service: crate::dynamodb::SERVICE,
            source: Box::new(source),
        })
    }

    /// Stops gracefully: running requests finish, long polls answer empty, then files and ports are free.
    pub async fn stop(mut self) {
        self.dynamodb.stop();
        self.sqs.stop();
        self.dynamodb.stopped().await;
        self.sqs.stopped().await;
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Engine")
            .field("dynamodb", &self.dynamodb_url())
            .field("sqs", &self.sqs_url())
            .finish_non_exhaustive()
    }
}
