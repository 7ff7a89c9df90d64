//! The data folder and the lock that keeps a second engine out of it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::EngineError;

/// A data folder that this process alone uses. The system drops the lock with the process, also on `kill -9`.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be and takes its lock.
    ///
    /// SQLite's own locks are taken for each transaction only, so two engines would otherwise share the files
    /// and each would believe its own memory of the queues.
    ///
    /// # Errors
    ///
    /// [`EngineError::FolderInUse`] if another engine holds it, [`EngineError::Folder`] if it cannot be written.
    pub(crate) fn open(path: &Path) -> Result<Self, EngineError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| EngineError::Folder { path, source }
        };
        std::fs::create_dir_all(path).map_err(unusable(path))?;
        let file = path.join("engine.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&file);
        let lock = lock.map_err(unusable(&file))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(EngineError::FolderInUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(unusable(&file)(source)),
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}
