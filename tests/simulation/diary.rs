//! Everything that happened, in order. The same seed writes the same diary, byte for byte.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::MessageId;

use super::time::Time;

/// One thing that happened.
#[derive(Debug, Clone)]
struct Entry {
    at_ms: u64,
    who: String,
    what: String,
    /// Keys of items, ids of messages and actions that it is about.
    about: Vec<String>,
}

/// The diary of a run.
#[derive(Debug)]
pub(crate) struct Diary {
    time: Time,
    entries: Mutex<Vec<Entry>>,
}

impl Diary {
    pub(crate) fn new(time: Time) -> Self {
        Self { time, entries: Mutex::default() }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes it down. Answers its number, from 1, by which one can tell what came first.
    pub(crate) fn note(&self, who: &str, what: impl Into<String>, about: Vec<String>) -> u64 {
        let at_ms = self.time.elapsed_ms();
        let mut entries = self.entries();
        entries.push(Entry { at_ms, who: who.to_owned(), what: what.into(), about });
        u64::try_from(entries.len()).unwrap_or(u64::MAX)
    }

    /// All of it, a line each.
    pub(crate) fn text(&self) -> String {
        self.entries().iter().fold(String::new(), |mut text, entry| {
            line(&mut text, entry);
            text
        })
    }

    /// What concerns one message: itself, its parcel and chunk, its action.
    pub(crate) fn story(&self, id: MessageId) -> String {
        let (send, chunk, slot) = (id.send.to_string(), format!("{:05}", id.chunk), id.slot.to_string());
        let mine = |about: &String| {
            if *about == id.to_string() {
                return true;
            }
            let Some((_, rest)) = about.split_once(&send) else { return false };
            match rest.split_once('/') {
                // A part of the action: the action itself, or what belongs to the message's chunk.
                Some(("", part)) => !part.contains('#') || part.contains(&chunk),
                // Rows: this one, or all of its chunk.
                Some((rows, row)) => rows.contains(&chunk) && (row == slot || row.is_empty()),
                None => rest.is_empty(),
            }
        };
        self.entries().iter().filter(|entry| entry.about.iter().any(mine)).fold(
            String::new(),
            |mut text, entry| {
                line(&mut text, entry);
                text
            },
        )
    }

    /// What concerns an action, or whatever else has `key`.
    pub(crate) fn about(&self, key: &str) -> String {
        let mine = |entry: &&Entry| entry.about.iter().any(|about| about.contains(key));
        self.entries().iter().filter(mine).fold(String::new(), |mut text, entry| {
            line(&mut text, entry);
            text
        })
    }
}

fn line(text: &mut String, entry: &Entry) {
    let (secs, millis) = (entry.at_ms / 1000, entry.at_ms % 1000);
    // Writing to a String cannot fail.
    let _infallible = writeln!(text, "{secs:>6}.{millis:03}  {:<24} {}", entry.who, entry.what);
}
