//! All state of Tidings, in DynamoDB; the only user of its SDK. Keys and their costs: `infra/decisions/0002`.
//!
//! One file per aggregate. Every write that matters is conditional; a condition that fails is an answer, not an error.

pub mod accept;
pub mod action;
pub mod action_list;
mod batch;
mod batch_get;
pub mod chunk;
#[cfg(test)]
mod chunk_tests;
mod conditional;
pub mod content;
pub mod conversation;
pub mod cover;
pub mod directory;
mod erase;
#[cfg(test)]
mod erase_tests;
mod error;
pub mod idempotency;
mod item;
mod keys;
#[cfg(test)]
mod list_tests;
pub mod pace;
pub mod parcel;
pub mod row;
pub mod targets;
#[cfg(any(test, feature = "test-engine"))]
pub mod test_engine;
mod transaction;
#[cfg(test)]
mod waiting_tests;
pub mod work;

pub use error::StoreError;

use aws_sdk_dynamodb::Client;

/// The result of a store call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The names of the tables.
#[derive(Debug, Clone)]
pub struct Tables {
    /// Organisations, channels, templates, members, addresses, opt-outs.
    pub directory: String,
    /// Bulk actions, their targets, chunks and parcels.
    pub bulk_actions: String,
    /// One row per message.
    pub message_logs: String,
}

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    tables: Tables,
    keys: directory::AddressKeys,
}

impl Store {
    /// A store on `tables`; `keys` keeps addresses out of keys.
    pub fn new(client: Client, tables: Tables, keys: directory::AddressKeys) -> Self {
        Self { client, tables, keys }
    }
}
