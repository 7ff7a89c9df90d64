//! The providers' local twins: Twilio, the WhatsApp Cloud API and Amazon SES with SNS.
//!
//! They speak the providers' real protocols, with their own implementation of shapes and signatures, so that what the
//! system sends and accepts is checked by something that does not share its code. They are for the local stack and
//! for tests; nothing that is deployed uses them.
//!
//! | path (below where the router is nested) | what |
//! |---|---|
//! | `/twilio/2010-04-01/Accounts/{sid}/Messages.json`, `/Messages/{MessageSid}.json` | Twilio: create, list, one |
//! | `/whatsapp/{version}/{phone_number_id}/messages` | WhatsApp Cloud API: send |
//! | `/ses` | Amazon SES, query protocol: `SendRawEmail`, `GetSendQuota` |
//! | `/sns/...` | the signing certificate, and where a subscription is confirmed |
//! | `GET /messages?to=` | the ledger: all that was accepted, in order of acceptance |
//! | `POST /inbound` | a member writes, through the signed webhook |
//! | `GET`, `PUT /behaviour` | pace, latency, errors, lost answers, callbacks |
//!
//! What was accepted, callbacks that are due, opt-outs, windows and behaviour are in one SQLite file and survive a
//! `kill -9`. An accepted message walks `twilio::create` (or its siblings) → `world::accept` → `schedule` →
//! `world::run_lane` → the system's webhook.

mod accounts;
mod behaviour;
mod book;
mod callback;
mod chance;
mod clock;
mod database;
mod endings;
mod ids;
mod inbound;
mod ledger;
mod lost;
mod pace;
mod plan;
mod problem;
mod provider;
mod routes;
mod schedule;
mod ses;
mod sns;
mod twilio;
mod webhook;
mod whatsapp;
mod world;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::behaviour::Behaviours;
use crate::book::Book;
use crate::callback::Lane;
use crate::database::{Database, DatabaseError};
use crate::schedule::Schedule;
use crate::sns::Topic;
use crate::world::World;

pub use crate::ledger::Tally;

/// Gives the present content of the local secrets file: `{"org_id/name": {...}}`. It is called for each request, so
/// that changed secrets hold at once.
pub type Secrets = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// Where the twins keep their data and how they and the system reach each other.
#[derive(Clone)]
pub struct Options {
    /// Folder of `simulators.sqlite`; `None` keeps everything in memory.
    pub data: Option<PathBuf>,
    /// Where the system's webhooks are, without a slash at the end: `http://127.0.0.1:3000`.
    pub public_base_url: String,
    /// Where the router is reachable, without a slash at the end: `http://127.0.0.1:3000/sim`.
    pub own_base_url: String,
    /// The accounts of all organisations. Twilio's have `account_sid` and `auth_token`; WhatsApp's `access_token`,
    /// `app_secret` and, if the token is for one number only, `phone_number_id`.
    pub secrets: Secrets,
    /// The topic that carries the events of SES; its region and account are used for SES too.
    pub sns_topic_arn: String,
}

/// Why the simulators could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error("the simulators' data folder cannot be used")]
    Folder(#[from] std::io::Error),
    /// The database cannot be opened: it is none, or damaged.
    #[error("cannot open the simulators' database {}", path.display())]
    Open {
        /// The file, or `:memory:`.
        path: PathBuf,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its content cannot be read.
    #[error("the simulators' database cannot be read: {0}")]
    Content(String),
    /// No key or certificate for SNS could be made, or the kept ones are spoilt.
    #[error("the signing key of the SNS twin cannot be used: {0}")]
    Key(String),
    /// No HTTP client.
    #[error("the simulators' HTTP client cannot be made")]
    Http(#[from] reqwest::Error),
}

impl From<DatabaseError> for StartError {
    fn from(error: DatabaseError) -> Self {
        Self::Content(match error {
            DatabaseError::Statement(error) => error.to_string(),
            other => other.to_string(),
        })
    }
}

/// The running twins. Dropping it stops them without waiting.
pub struct Simulators {
    world: Arc<World>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Simulators {
    /// Opens the ledger, goes on with callbacks that are due, and asks the system to confirm the SNS subscription
    /// until it has. To be called in a tokio runtime with its timer; the receiver need not be up yet.
    ///
    /// # Errors
    /// If the folder or its database cannot be used, or there is no key to sign with.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let database = Database::open(options.data.as_deref())?;
        let (behaviours, book, open) = database
            .run(|connection| {
                Ok((Behaviours::load(connection)?, Book::load(connection)?, schedule::open(connection)?))
            })
            .await?;
        let topic = Topic::open(&database, &options).await?;
        let world = Arc::new(World {
            options,
            database,
            behaviours,
            book,
            schedule: Schedule::new(open),
            topic,
            http: webhook::client(world::CONCURRENCY)?,
            stopping: watch::Sender::new(false),
        });
        let mut tasks: Vec<_> =
            Lane::ALL.into_iter().map(|lane| tokio::spawn(Arc::clone(&world).run_lane(lane))).collect();
        tasks.push(tokio::spawn(sns::ask_until_confirmed(Arc::clone(&world))));
        Ok(Self { world, tasks: Mutex::new(tasks) })
    }

    /// All routes, to be nested where `own_base_url` says.
    pub fn router(&self) -> axum::Router {
        routes::router(Arc::clone(&self.world))
    }

    /// What was accepted after the message of this number (0: all), in numbers.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn tally(&self, after: i64) -> Result<Tally, StartError> {
        Ok(self.world.database.run(move |connection| ledger::tally(connection, after)).await?)
    }

    /// Waits a little for callbacks that are on their way, then closes the ledger. What is still due goes out after
    /// the next start.
    pub async fn stop(&self) {
        self.world.stopping.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a task of the simulators had failed"
                );
            }
        }
        self.world.database.close();
    }
}

impl Drop for Simulators {
    fn drop(&mut self) {
        self.world.stopping.send_replace(true);
    }
}
