//! The output of a function: one file, capped, with one older generation beside it.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// A file is put aside (`.log.1`) when it has grown to this many bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;
/// A longer line is cut into several.
const MAX_LINE: u64 = 64 * 1024;
/// How many of the last lines a failing start is reported with.
const TAIL: usize = 12;

/// Where all workers of one function write.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    size: u64,
}

impl LogFile {
    /// Opens `folder/name.log` to append to it.
    pub(super) fn open(folder: &Path, name: &str) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = folder.join(format!("{name}.log"));
        let open = append_to(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, open: Mutex::new(open) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one line; that a log cannot be written must not stop a function.
    pub(super) fn write(&self, line: &[u8]) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.size >= MAX_FILE
            && std::fs::rename(&self.path, self.path.with_extension("log.1")).is_ok()
            && let Ok(fresh) = append_to(&self.path)
        {
            *open = fresh;
        }
        let mut whole = Vec::with_capacity(line.len() + 1);
        whole.extend_from_slice(line);
        whole.push(b'\n');
        match open.file.write_all(&whole) {
            Ok(()) => open.size += whole.len() as u64,
            Err(error) => tracing::debug!(%error, "a function's log line is lost"),
        }
    }
}

fn append_to(path: &Path) -> std::io::Result<Open> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let size = file.metadata()?.len();
    Ok(Open { file, size })
}

/// The last lines of one worker.
#[derive(Debug, Default)]
pub(super) struct Tail(Mutex<VecDeque<String>>);

impl Tail {
    fn push(&self, line: &[u8]) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL {
            lines.pop_front();
        }
        lines.push_back(String::from_utf8_lossy(line).into_owned());
    }

    /// The lines, one under the other.
    pub(super) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// Copies a stream of a process to its log, until it ends.
pub(super) async fn copy(stream: impl AsyncRead + Unpin, log: Arc<LogFile>, tail: Arc<Tail>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = line.strip_suffix(b"\n").unwrap_or(&line);
                log.write(text);
                tail.push(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_reach_the_file_and_the_last_ones_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let log = Arc::new(LogFile::open(folder.path(), "probe").unwrap());
        let tail = Arc::new(Tail::default());
        let text: String =
            (0..20).flat_map(|n| ["line ".to_owned(), n.to_string(), "\n".to_owned()]).collect();
        copy(text.as_bytes(), log.clone(), tail.clone()).await;
        assert_eq!(std::fs::read_to_string(log.path()).unwrap(), text);
        assert!(tail.text().starts_with("line 8\n") && tail.text().ends_with("line 19"), "{}", tail.text());
    }

    #[test]
    fn a_full_file_is_put_aside_once() {
        let folder = tempfile::tempdir().unwrap();
        let log = LogFile::open(folder.path(), "probe").unwrap();
        log.open.lock().unwrap().size = MAX_FILE;
        log.write(b"fresh");
        assert_eq!(std::fs::read_to_string(log.path()).unwrap(), "fresh\n");
        assert!(folder.path().join("probe.log.1").exists());
    }
}
