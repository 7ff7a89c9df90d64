//! What commands print.

mod screen;
mod table;
mod text;

use std::{
    io::{ErrorKind, Write},
    ops::ControlFlow,
};

use anyhow::{Context, Result};
use serde_json::Value as Json;

pub(super) use self::{
    screen::Screen,
    table::{Column, Table},
    text::{code_count, facts, field, later_by, lines, one_line, time, until},
};

/// Writes to standard output; `Break` when whoever reads it has seen enough, as `head` has.
pub(super) fn write(text: &str) -> Result<ControlFlow<()>> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

/// Writes all that there is to say to standard output.
pub(super) fn print(text: &str) -> Result<()> {
    write(text).map(|_| ())
}

/// Writes one JSON document to standard output.
pub(super) fn print_json(document: &Json) -> Result<()> {
    print(&format!("{document:#}\n"))
}
