//! Why the engine would not start or answer.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What can go wrong with the engine itself. Errors of single requests go to the client, as on AWS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The data folder or its lock cannot be made or written.
    #[error("cannot use {}", path.display())]
    Folder {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another running engine holds the data folder.
    #[error("the data folder {} is in use by another running engine", path.display())]
    FolderInUse {
        /// The folder.
        path: PathBuf,
    },
    /// Some other program has a database file open and locked.
    #[error("{} is locked by another program", path.display())]
    FileLocked {
        /// The database file.
        path: PathBuf,
    },
    /// A database file cannot be opened: damaged, or written by a newer version.
    #[error("cannot open the {service} database {}", path.display())]
    Open {
        /// `DynamoDB` or `SQS`.
        service: &'static str,
        /// The file, or `:memory:`.
        path: PathBuf,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Somebody else listens on the port that was asked for.
    #[error("port {} for {service} is already taken on {}", address.port(), address.ip())]
    PortTaken {
        /// `DynamoDB` or `SQS`.
        service: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {address} for {service}")]
    Listen {
        /// `DynamoDB` or `SQS`.
        service: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A thread or its runtime could not be started.
    #[error("cannot start the thread of {service}")]
    Thread {
        /// `DynamoDB`, `SQS` or the sweeper.
        service: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A queue that was asked for by name does not exist.
    #[error("there is no queue `{name}`")]
    NoSuchQueue {
        /// The name that was asked for.
        name: String,
    },
    /// A database failed while in use: disk full, file removed.
    #[error("the {service} database failed")]
    Database {
        /// `DynamoDB` or `SQS`.
        service: &'static str,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
