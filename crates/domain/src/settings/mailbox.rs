//! Mailboxes that an organisation sends from or takes answers at: an address, with or without a name.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::email::{EmailAddress, EmailProblem, parse_email};

/// Longest name, in characters.
const MAX_NAME: usize = 200;

/// `office@example.org` or `St Mark <office@example.org>`. An organisation's own, so not personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The name before the address, without quotes.
    pub name: Option<String>,
    /// The address.
    pub address: EmailAddress,
}

/// Why a text is not a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MailboxProblem {
    /// The address is not one.
    #[error("must be a mailbox such as office@example.org or St Mark <office@example.org>: {0}")]
    Address(EmailProblem),
    /// The name is too long or holds what would end it.
    #[error(
        "the name before the address may have up to 200 characters and no quotes, angle brackets or line breaks"
    )]
    Name,
}

impl FromStr for Mailbox {
    type Err = MailboxProblem;

    fn from_str(text: &str) -> Result<Self, MailboxProblem> {
        let text = text.trim();
        let Some((name, rest)) = text.split_once('<') else {
            return Ok(Self { name: None, address: parse_email(text).map_err(MailboxProblem::Address)? });
        };
        let address = rest.strip_suffix('>').ok_or(MailboxProblem::Address(EmailProblem::DisplayText))?;
        let name = name.trim();
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        let ends_it =
            |c: char| c.is_control() || matches!(c, '"' | '\\' | '<' | '>' | '\u{2028}' | '\u{2029}');
        if name.chars().count() > MAX_NAME || name.contains(ends_it) {
            return Err(MailboxProblem::Name);
        }
        let name = (!name.is_empty()).then(|| name.to_owned());
        Ok(Self { name, address: parse_email(address).map_err(MailboxProblem::Address)? })
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address.as_str()),
            None => f.write_str(self.address.as_str()),
        }
    }
}
