//! The data folder: everything that survives a restart, and the lock that keeps a second stack out of it.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use nix::fcntl::{Flock, FlockArg};

/// What somebody can do about a damaged folder.
pub const DAMAGED: &str = "put it back from a copy, or use another data folder (--data)";

/// A data folder. Paths in it are absolute, because functions get some of them.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

/// While it lives, no other stack uses the folder.
#[derive(Debug)]
pub struct DataLock(#[expect(dead_code, reason = "held for its drop, which unlocks")] Flock<File>);

impl DataFolder {
    /// Opens the folder, and makes it if there is none.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        // Members' phones, names and messages are in it.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| format!("cannot make {}", path.display()))?;
        Self::open(path)
    }

    /// Opens a folder that a stack has made.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(path: &Path) -> Result<Self> {
        let full = path.canonicalize();
        full.map(Self)
            .with_context(|| format!("there is no data folder {}; start the stack first", path.display()))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Something in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Keeps other stacks out, until the lock is dropped or this process ends, however it ends.
    ///
    /// # Errors
    /// When another stack uses the folder.
    pub fn lock(&self) -> Result<DataLock> {
        let path = self.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        let locked = Flock::lock(file, FlockArg::LockExclusiveNonblock);
        locked.map(DataLock).map_err(|_| {
            anyhow!("another stack is running on {}; stop it, or give this one --data", self.0.display())
        })
    }

    /// The file's content, if there is such a file.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<String>> {
        let path = self.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Whether files of a folder that was used are all there.
    ///
    /// # Errors
    /// Which one is missing or empty. Made anew, it would silently lack what it held.
    pub fn holds(&self, names: &[&str]) -> Result<()> {
        let is_there = |name: &&&str| self.join(name).metadata().is_ok_and(|file| file.len() > 0);
        match names.iter().find(|name| !is_there(name)) {
            None => Ok(()),
            Some(name) => {
                bail!("{} is missing or empty, and a stack has used it; {DAMAGED}", self.join(name).display())
            }
        }
    }

    /// Writes a new file that only its owner may read, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_private(&self, name: &str, text: &str) -> Result<()> {
        let (path, draft) = (self.join(name), self.join(&format!("{name}.new")));
        let write = || -> std::io::Result<()> {
            let mut file =
                OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&draft, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_second_stack_is_kept_out_until_the_first_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::create(&folder.path().join("data")).unwrap();
        let first = data.lock().unwrap();
        assert!(data.lock().unwrap_err().to_string().contains("another stack is running"));
        drop(first);
        data.lock().unwrap();
    }

    #[test]
    fn private_files_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::create(folder.path()).unwrap();
        data.write_private("key", "secret").unwrap();
        assert_eq!(data.read("key").unwrap().as_deref(), Some("secret"));
        assert_eq!(data.join("key").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
