//! A mail program's one-click unsubscribe (RFC 8058).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::webhook::{Attempt, Webhook};

/// A mail program tries a few times in the background, then the reader has to click again.
const ATTEMPTS: u32 = 4;

/// The address that the mail gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OneClick {
    pub(crate) url: String,
}

impl OneClick {
    pub(crate) fn webhook(&self) -> Webhook {
        Webhook {
            url: self.url.clone(),
            headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
            body: "List-Unsubscribe=One-Click".to_owned(),
        }
    }
}

pub(crate) fn one_click_retry_after(attempt: &Attempt, attempts: u32) -> Option<Duration> {
    let done = attempt.succeeded() || attempt.status().is_some_and(|status| (400..500).contains(&status));
    (!done && attempts < ATTEMPTS).then(|| Duration::from_secs(u64::from(attempts)))
}
