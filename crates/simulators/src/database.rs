//! One SQLite file behind one thread.
//!
//! Work is handed to the thread as closures. All that has gathered while one transaction was being committed makes up
//! the next (group commit), and nobody is answered before theirs is committed: what a provider accepted is on record
//! when its answer leaves, also if the process is killed the next moment. `synchronous = NORMAL` is enough for that,
//! because a killed process loses nothing that it wrote; only a power cut could.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::oneshot;

/// At most so many pieces of work in one transaction, so that the first of them does not wait long.
const LARGEST_GROUP: usize = 512;
/// How long work that can wait waits for other work to be committed with.
const PATIENCE: Duration = Duration::from_millis(50);

const SCHEMA: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accepted (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  provider TEXT NOT NULL,
  account TEXT NOT NULL,
  recipient TEXT NOT NULL,
  sender TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  item TEXT NOT NULL,
  state TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS accepted_by_recipient ON accepted (recipient, seq);
CREATE INDEX IF NOT EXISTS accepted_by_message ON accepted (message_id);
CREATE INDEX IF NOT EXISTS accepted_by_ses ON accepted (at_ms) WHERE provider = 'ses';
CREATE TABLE IF NOT EXISTS callbacks (
  id INTEGER PRIMARY KEY,
  due_ms INTEGER NOT NULL,
  occurred_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  callback TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS senders (
  provider TEXT NOT NULL, address TEXT NOT NULL, org TEXT NOT NULL, detail TEXT NOT NULL,
  PRIMARY KEY (provider, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS opt_outs (
  sender TEXT NOT NULL, recipient TEXT NOT NULL, PRIMARY KEY (sender, recipient)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS windows (
  phone_number_id TEXT NOT NULL, wa_id TEXT NOT NULL, last_inbound_ms INTEGER NOT NULL,
  PRIMARY KEY (phone_number_id, wa_id)
) STRICT, WITHOUT ROWID;
";

/// Why work on the database had no effect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// The work itself failed.
    #[error("a statement of the simulators' database failed")]
    Statement(#[from] rusqlite::Error),
    /// The transaction that the work was part of failed, so nothing of it was kept.
    #[error("the simulators' database took back a transaction")]
    RolledBack,
    /// The simulators are being stopped.
    #[error("the simulators' database is closed")]
    Closed,
}

/// Work as it is handed to the thread.
type Work = Box<dyn FnOnce(&Connection) -> Done + Send>;
/// Tells the one who waits; given whether the transaction was committed.
type Reply = Box<dyn FnOnce(bool) + Send>;

/// Work that has been done but not committed.
struct Done {
    failed: bool,
    reply: Reply,
}

enum Job {
    Work(Work),
    /// There is work that can wait.
    Later,
    Close,
}

/// Work that can wait, in the order in which it was handed in.
#[derive(Clone, Default)]
struct Later(Arc<Mutex<Vec<Work>>>);

impl Later {
    /// Whether it is the first.
    fn push(&self, work: Work) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(work);
        all.len() == 1
    }

    fn take(&self) -> Vec<Work> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The way to the thread that owns the connection.
pub(crate) struct Database {
    jobs: Sender<Job>,
    later: Later,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Database {
    /// Opens `simulators.sqlite` in the folder, or a database in memory.
    ///
    /// # Errors
    /// If the file cannot be opened, is no such database or a damaged one, or the thread cannot be started.
    pub(crate) fn open(folder: Option<&Path>) -> Result<Self, crate::StartError> {
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder)?;
        }
        let path =
            folder.map_or_else(|| PathBuf::from(":memory:"), |folder| folder.join("simulators.sqlite"));
        let connection =
            whole(&path).map_err(|source| crate::StartError::Open { path: path.clone(), source })?;
        connection.set_prepared_statement_cache_capacity(64);
        let (jobs, queue) = channel();
        let later = Later::default();
        let waiting = later.clone();
        let thread = std::thread::Builder::new()
            .name("simulators-db".to_owned())
            .spawn(move || serve(&connection, &queue, &waiting))?;
        Ok(Self { jobs, later, thread: Mutex::new(Some(thread)) })
    }

    /// Runs the work and answers once it is committed.
    ///
    /// Work that was begun is finished also if the caller no longer waits.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let (tell, told) = oneshot::channel();
        self.submit(work_of(work, move |outcome| {
            // The one who asked may have gone: a client that hung up.
            drop(tell.send(outcome));
        }));
        told.await.unwrap_or(Err(DatabaseError::Closed))
    }

    /// Runs the work without anyone waiting; what fails is logged.
    pub(crate) fn run_unattended(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) {
        self.submit(work_of(work, log_failure));
    }

    /// The same for work that may be lost if the process is killed right now: committed with the next that may not, or soon.
    pub(crate) fn run_later(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static) {
        if self.later.push(work_of(work, log_failure)) {
            drop(self.jobs.send(Job::Later));
        }
    }

    /// A closed database drops the work and with it whom it would tell; who waits for it sees `Closed`.
    fn submit(&self, work: Work) {
        drop(self.jobs.send(Job::Work(work)));
    }

    /// Commits what was handed in so far and closes the file.
    pub(crate) fn close(&self) {
        drop(self.jobs.send(Job::Close));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the simulators' database thread had panicked");
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.jobs.send(Job::Close));
    }
}

/// Opens a database and looks through it: one that was cut off would fail some statements, some time later.
fn whole(path: &Path) -> Result<Connection, Box<dyn std::error::Error + Send + Sync>> {
    let connection = Connection::open(path)?;
    connection.execute_batch(SCHEMA)?;
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(connection) } else { Err(found.into()) }
}

fn log_failure(outcome: Result<(), DatabaseError>) {
    if let Err(error) = outcome {
        tracing::warn!(error = &error as &dyn std::error::Error, "the simulators could not write");
    }
}

fn work_of<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    tell: impl FnOnce(Result<T, DatabaseError>) + Send + 'static,
) -> Work {
    Box::new(move |connection| {
        let outcome = work(connection);
        let failed = outcome.is_err();
        let reply: Reply = Box::new(move |committed| {
            tell(match outcome {
                Ok(value) if committed => Ok(value),
                Ok(_) => Err(DatabaseError::RolledBack),
                Err(error) => Err(DatabaseError::Statement(error)),
            });
        });
        Done { failed, reply }
    })
}

fn serve(connection: &Connection, queue: &Receiver<Job>, later: &Later) {
    // When what can wait has waited long enough.
    let mut deadline = None;
    let mut closing = false;
    while !closing {
        let mut group = Vec::new();
        match next(queue, deadline) {
            Ok(Job::Work(first)) => group.push(first),
            Ok(Job::Later) => {
                deadline = Some(Instant::now() + PATIENCE);
                continue;
            }
            Ok(Job::Close) | Err(RecvTimeoutError::Disconnected) => closing = true,
            Err(RecvTimeoutError::Timeout) => {}
        }
        while !closing && group.len() < LARGEST_GROUP {
            match queue.try_recv() {
                Ok(Job::Work(work)) => group.push(work),
                Ok(Job::Later) => {}
                Ok(Job::Close) => closing = true,
                Err(_) => break,
            }
        }
        let mut all = later.take();
        deadline = None;
        all.append(&mut group);
        if !all.is_empty() {
            commit(connection, all);
        }
    }
}

fn next(queue: &Receiver<Job>, deadline: Option<Instant>) -> Result<Job, RecvTimeoutError> {
    match deadline {
        None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        Some(at) => queue.recv_timeout(at.saturating_duration_since(Instant::now())),
    }
}

/// All or nothing: a failure, which means a full or broken disk, takes the whole group back, so that no half of
/// anything is kept.
fn commit(connection: &Connection, group: Vec<Work>) {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        // Dropped work answers `Closed`.
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the simulators' database cannot be written"
        );
        return;
    }
    let done: Vec<Done> = group.into_iter().map(|work| work(connection)).collect();
    let ending = if done.iter().any(|done| done.failed) { "ROLLBACK" } else { "COMMIT" };
    let ended = connection.execute_batch(ending);
    if let Err(error) = &ended {
        tracing::error!(
            error = error as &dyn std::error::Error,
            "the simulators' database cannot be written"
        );
        if !connection.is_autocommit() {
            drop(connection.execute_batch("ROLLBACK"));
        }
    }
    let committed = ended.is_ok() && ending == "COMMIT";
    for one in done {
        (one.reply)(committed);
    }
}

/// A value kept by name.
pub(crate) fn setting(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM settings WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// Keeps a value by name.
pub(crate) fn keep_setting(connection: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
        )?
        .execute([name, value])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failing_piece_of_work_leaves_nothing_behind() {
        let database = Database::open(None).unwrap();
        let failed = database
            .run(|connection| {
                keep_setting(connection, "half", "done")?;
                connection.execute("INSERT INTO nowhere VALUES (1)", [])
            })
            .await;
        assert!(matches!(failed, Err(DatabaseError::Statement(_))));
        assert_eq!(database.run(|connection| setting(connection, "half")).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_was_answered_is_there_when_the_file_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(Some(folder.path())).unwrap();
        database.run(|connection| keep_setting(connection, "a", "1")).await.unwrap();
        database.run_unattended(|connection| keep_setting(connection, "b", "2"));
        database.run_later(|connection| keep_setting(connection, "c", "3"));
        database.close();
        assert!(matches!(database.run(|_| Ok(())).await, Err(DatabaseError::Closed)));

        let again = Database::open(Some(folder.path())).unwrap();
        assert_eq!(again.run(|connection| setting(connection, "a")).await.unwrap().as_deref(), Some("1"));
        assert_eq!(again.run(|connection| setting(connection, "b")).await.unwrap().as_deref(), Some("2"));
        assert_eq!(again.run(|connection| setting(connection, "c")).await.unwrap().as_deref(), Some("3"));
    }

    #[tokio::test]
    async fn what_can_wait_is_committed_with_what_cannot_or_soon() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(Some(folder.path())).unwrap();
        let other = Connection::open(folder.path().join("simulators.sqlite")).unwrap();
        database.run_later(|connection| keep_setting(connection, "a", "1"));
        database.run(|connection| keep_setting(connection, "b", "2")).await.unwrap();
        assert_eq!(setting(&other, "a").unwrap().as_deref(), Some("1"));

        database.run_later(|connection| keep_setting(connection, "c", "3"));
        let committed = async {
            while setting(&other, "c").unwrap().is_none() {
                tokio::time::sleep(PATIENCE / 5).await;
            }
        };
        tokio::time::timeout(PATIENCE * 100, committed).await.unwrap();
    }

    #[tokio::test]
    async fn many_at_once_share_their_commits_and_each_gets_its_own_answer() {
        let database = std::sync::Arc::new(Database::open(None).unwrap());
        let tasks: Vec<_> = (0..500_usize)
            .map(|n| {
                let database = std::sync::Arc::clone(&database);
                tokio::spawn(async move {
                    let name = n.to_string();
                    database.run(move |c| keep_setting(c, &name, "x").map(|()| n)).await.unwrap()
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
    }
}
