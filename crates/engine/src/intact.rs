//! Database files are looked through before they are used: one that was cut off would otherwise fail some requests, some time later.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::Deserialize;

use crate::EngineError;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Fails if the file is damaged. One that is not there yet, or empty, is new.
///
/// # Errors
///
/// [`EngineError::FileLocked`] and [`EngineError::Open`].
pub(crate) fn check(service: &'static str, file: &Path) -> Result<(), EngineError> {
    opened(service, file, |_| Ok(()))
}

/// The same for a file of `dynoxide`, and undoes what a kill in the middle of `CreateTable` left there: it notes a table first and makes what
/// holds the items and each index after that, one by one. A table of which something is missing was never answered for and holds nothing;
/// without its note it can be made anew.
///
/// # Errors
///
/// As [`check`]; also if a table that holds items lacks an index.
pub(crate) fn check_tables(service: &'static str, file: &Path) -> Result<(), EngineError> {
    opened(service, file, |connection| {
        let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
        for half_made in half_made(&transaction)? {
            half_made.undo(&transaction)?;
            tracing::warn!(
                table = half_made.table,
                "a table that was being made when the engine ended is made anew"
            );
        }
        Ok(transaction.commit()?)
    })
}

fn opened(
    service: &'static str,
    file: &Path,
    then: impl FnOnce(&mut Connection) -> Result<(), Cause>,
) -> Result<(), EngineError> {
    if file.metadata().is_ok_and(|file| file.is_file() && file.len() == 0) || !file.exists() {
        return Ok(());
    }
    let looked_through = Connection::open(file).and_then(|connection| {
        connection.busy_timeout(Duration::from_secs(2))?;
        let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok((connection, found))
    });
    let path = || file.to_owned();
    let damaged = |source| EngineError::Open { service, path: path(), source };
    match looked_through {
        Ok((mut connection, found)) if found == "ok" => then(&mut connection).map_err(damaged),
        Ok((_, found)) => Err(damaged(found.into())),
        Err(error) if crate::sqs::is_locked(&error) => Err(EngineError::FileLocked { path: path() }),
        Err(error) => Err(damaged(error.into())),
    }
}

/// A table of which something is missing.
struct HalfMade {
    table: String,
    /// What should be there: what holds its items, then its indexes.
    parts: Vec<String>,
}

/// An index as it is noted.
#[derive(Deserialize)]
struct Index {
    #[serde(rename = "IndexName")]
    name: String,
}

fn half_made(connection: &Connection) -> Result<Vec<HalfMade>, Cause> {
    let mut all = Vec::new();
    if !exists(connection, "_tables")? {
        return Ok(all);
    }
    let mut notes = connection.prepare("SELECT table_name, gsi_definitions FROM _tables")?;
    let mut notes = notes.query([])?;
    while let Some(note) = notes.next()? {
        let (table, indexes): (String, Option<String>) = (note.get(0)?, note.get(1)?);
        let indexes: Vec<Index> = indexes.map_or(Ok(Vec::new()), |indexes| serde_json::from_str(&indexes))?;
        let indexes = indexes.into_iter().map(|index| format!("{table}::gsi::{}", index.name));
        let parts: Vec<String> = [table.clone()].into_iter().chain(indexes).collect();
        let mut whole = true;
        for part in &parts {
            whole &= exists(connection, part)?;
        }
        if !whole {
            all.push(HalfMade { table, parts });
        }
    }
    Ok(all)
}

impl HalfMade {
    fn undo(&self, connection: &Connection) -> Result<(), Cause> {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        if exists(connection, &self.table)? {
            let items = format!("SELECT EXISTS (SELECT 1 FROM {})", quoted(&self.table));
            if connection.query_row(&items, [], |row| row.get(0))? {
                return Err(format!("the table {} lacks an index", self.table).into());
            }
        }
        for part in &self.parts {
            connection.execute(&format!("DROP TABLE IF EXISTS {}", quoted(part)), [])?;
        }
        connection.execute("DELETE FROM _tables WHERE table_name = ?1", [&self.table])?;
        Ok(())
    }
}

fn exists(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let look = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)";
    connection.query_row(look, [table], |row| row.get(0))
}
