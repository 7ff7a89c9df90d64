//! What the providers know about who writes to whom: senders, opt-outs at Twilio, and WhatsApp's 24-hour windows.
//!
//! All of it is needed for each send, so it is held in memory and written through.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};

use crate::provider::Provider;

/// How long a business may write freely after a person wrote: 24 hours.
const WINDOW_MS: i64 = 24 * 3600 * 1000;

/// Who last sent from an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    pub(crate) org: String,
    /// Twilio: the messaging service whose number it is, or empty.
    pub(crate) detail: String,
}

#[derive(Default)]
struct Pages {
    senders: HashMap<(Provider, String), Sender>,
    opt_outs: HashSet<(String, String)>,
    windows: HashMap<(String, String), i64>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Book {
    pages: Mutex<Pages>,
}

/// A change that is to be written down.
pub(crate) enum Change {
    Sender(Provider, String, Sender),
    OptOut { sender: String, recipient: String },
    OptIn { sender: String, recipient: String },
    Window { phone_number_id: String, wa_id: String, at_ms: i64 },
}

impl Change {
    pub(crate) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::Sender(provider, address, sender) => connection
                .prepare_cached("INSERT OR REPLACE INTO senders VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![provider.name(), address, sender.org, sender.detail]),
            Self::OptOut { sender, recipient } => connection
                .prepare_cached("INSERT OR REPLACE INTO opt_outs VALUES (?1, ?2)")?
                .execute([sender, recipient]),
            Self::OptIn { sender, recipient } => connection
                .prepare_cached("DELETE FROM opt_outs WHERE sender = ?1 AND recipient = ?2")?
                .execute([sender, recipient]),
            Self::Window { phone_number_id, wa_id, at_ms } => connection
                .prepare_cached("INSERT OR REPLACE INTO windows VALUES (?1, ?2, ?3)")?
                .execute(params![phone_number_id, wa_id, at_ms]),
        }
        .map(drop)
    }
}

impl Book {
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut pages = Pages::default();
        let mut senders = connection.prepare("SELECT provider, address, org, detail FROM senders")?;
        let mut rows = senders.query([])?;
        while let Some(row) = rows.next()? {
            let Some(provider) = Provider::from_name(&row.get::<_, String>(0)?) else { continue };
            let sender = Sender { org: row.get(2)?, detail: row.get(3)? };
            pages.senders.insert((provider, row.get(1)?), sender);
        }
        let mut opt_outs = connection.prepare("SELECT sender, recipient FROM opt_outs")?;
        pages.opt_outs =
            opt_outs.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
        let mut windows =
            connection.prepare("SELECT phone_number_id, wa_id, last_inbound_ms FROM windows")?;
        pages.windows = windows
            .query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self { pages: Mutex::new(pages) })
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes who sends from an address; a change is to be written down.
    pub(crate) fn note_sender(&self, provider: Provider, address: &str, sender: Sender) -> Option<Change> {
        let mut pages = self.pages();
        let key = (provider, address.to_owned());
        if pages.senders.get(&key) == Some(&sender) {
            return None;
        }
        pages.senders.insert(key, sender.clone());
        Some(Change::Sender(provider, address.to_owned(), sender))
    }

    pub(crate) fn sender(&self, provider: Provider, address: &str) -> Option<Sender> {
        self.pages().senders.get(&(provider, address.to_owned())).cloned()
    }

    /// The first address, of one organisation or of all, that the predicate picks, and who last sent from it.
    pub(crate) fn find_sender(
        &self,
        provider: Provider,
        org: Option<&str>,
        pick: impl Fn(&str) -> bool,
    ) -> Option<(String, Sender)> {
        let pages = self.pages();
        let senders = pages.senders.iter().filter(|((of, address), sender)| {
            *of == provider && org.is_none_or(|org| sender.org == org) && pick(address)
        });
        senders
            .min_by_key(|((_, address), _)| address.as_str())
            .map(|((_, address), sender)| (address.clone(), sender.clone()))
    }

    pub(crate) fn opted_out(&self, sender: &str, recipient: &str) -> bool {
        self.pages().opt_outs.contains(&(sender.to_owned(), recipient.to_owned()))
    }

    pub(crate) fn opt_out(&self, sender: &str, recipient: &str) -> Change {
        let (sender, recipient) = (sender.to_owned(), recipient.to_owned());
        self.pages().opt_outs.insert((sender.clone(), recipient.clone()));
        Change::OptOut { sender, recipient }
    }

    pub(crate) fn opt_in(&self, sender: &str, recipient: &str) -> Change {
        let (sender, recipient) = (sender.to_owned(), recipient.to_owned());
        self.pages().opt_outs.remove(&(sender.clone(), recipient.clone()));
        Change::OptIn { sender, recipient }
    }

    /// A person wrote to a number at this time.
    pub(crate) fn wrote(&self, phone_number_id: &str, wa_id: &str, at_ms: i64) -> Change {
        let (phone_number_id, wa_id) = (phone_number_id.to_owned(), wa_id.to_owned());
        self.pages().windows.insert((phone_number_id.clone(), wa_id.clone()), at_ms);
        Change::Window { phone_number_id, wa_id, at_ms }
    }

    /// Whether the person wrote in the last 24 hours.
    pub(crate) fn window_is_open(&self, phone_number_id: &str, wa_id: &str, now_ms: i64) -> bool {
        let key = (phone_number_id.to_owned(), wa_id.to_owned());
        self.pages().windows.get(&key).is_some_and(|wrote| now_ms - wrote < WINDOW_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;

    #[test]
    fn a_window_is_open_for_24_hours_after_the_person_wrote() {
        let book = Book::default();
        assert!(!book.window_is_open("100", "447700900123", 0));
        book.wrote("100", "447700900123", 1_000);
        assert!(book.window_is_open("100", "447700900123", WINDOW_MS + 999));
        assert!(!book.window_is_open("100", "447700900123", WINDOW_MS + 1_000));
        assert!(!book.window_is_open("200", "447700900123", 2_000));
    }

    #[tokio::test]
    async fn what_is_written_down_is_known_after_a_restart() {
        let database = Database::open(None).unwrap();
        let book = Book::default();
        let sender = Sender { org: "demo".to_owned(), detail: String::new() };
        let changes = [
            book.note_sender(Provider::Twilio, "+15005550006", sender.clone()).unwrap(),
            book.opt_out("+15005550006", "+447700900123"),
            book.opt_out("+15005550006", "+447700900124"),
            book.opt_in("+15005550006", "+447700900124"),
            book.wrote("100", "447700900123", 5),
        ];
        assert!(book.note_sender(Provider::Twilio, "+15005550006", sender.clone()).is_none());
        let again = database
            .run(move |connection| {
                changes.iter().try_for_each(|change| change.write(connection))?;
                Book::load(connection)
            })
            .await
            .unwrap();
        assert_eq!(again.sender(Provider::Twilio, "+15005550006"), Some(sender));
        assert!(again.opted_out("+15005550006", "+447700900123"));
        assert!(!again.opted_out("+15005550006", "+447700900124"));
        assert!(again.window_is_open("100", "447700900123", 6));
    }
}
