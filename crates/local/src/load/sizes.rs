//! How large the deployed functions are, where they have been built.

use std::{collections::BTreeMap, fs::File, io, path::Path};

use anyhow::{Context, Result};
use flate2::{Compression, write::DeflateEncoder};

use crate::build_functions::workspace;

/// Where `cargo build --profile lambda` puts them.
const FOLDER: &str = "target/lambda";

/// The compressed size of each function that is built with the profile `lambda`, in bytes; none is built for this, which takes minutes.
///
/// # Errors
/// When a binary cannot be read.
pub(super) fn of_deployed() -> Result<BTreeMap<String, u64>> {
    let folder = workspace().join(FOLDER);
    let mut sizes = BTreeMap::new();
    for entry in std::fs::read_dir(workspace().join("functions")).context("no functions")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let binary = folder.join(&name);
        if binary.is_file() {
            sizes.insert(name, compressed(&binary)?);
        }
    }
    Ok(sizes)
}

/// What a zip takes for one file beside its compressed content, with a short name in it.
const ZIP: u64 = 120;

fn compressed(binary: &Path) -> Result<u64> {
    let mut encoder = DeflateEncoder::new(Counter(0), Compression::best());
    io::copy(&mut File::open(binary)?, &mut encoder)?;
    Ok(encoder.finish()?.0 + ZIP)
}

/// Keeps nothing but the number of bytes.
struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
