//! Who a mail comes from, as an organisation writes it.

use std::fmt;
use std::str::FromStr;

use domain::email::{EmailAddress, parse_email};
use thiserror::Error;

/// A sender's address with the name that recipients see: `Name <a@b>`, `"Name, with comma" <a@b>`, or `a@b` alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    name: Option<String>,
    address: EmailAddress,
}

/// Why a text is no mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MailboxProblem {
    /// A line break or another control character, which could start a new header.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// What should be the address is none.
    #[error("must be an email address, or a name and an email address in angle brackets")]
    Address,
}

impl Mailbox {
    /// The name that recipients see, without the quotes that it may be written in.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The address.
    pub fn address(&self) -> &EmailAddress {
        &self.address
    }
}

impl FromStr for Mailbox {
    type Err = MailboxProblem;

    fn from_str(text: &str) -> Result<Self, MailboxProblem> {
        if text.chars().any(char::is_control) {
            return Err(MailboxProblem::ControlCharacter);
        }
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, address)) => (unquoted(name.trim()), address),
            None => (String::new(), text),
        };
        let address = parse_email(address).map_err(|_| MailboxProblem::Address)?;
        Ok(Self { name: Some(name).filter(|name| !name.is_empty()), address })
    }
}

/// The text of a quoted string of RFC 5322; what is not quoted stays as it is.
fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        // A backslash before the closing quote cannot be: the quote was stripped, so it stands for itself.
        out.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    out.trim().to_owned()
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<String>, String) {
        let mailbox: Mailbox = text.parse().unwrap();
        (mailbox.name().map(str::to_owned), mailbox.address().as_str().to_owned())
    }

    #[test]
    fn a_mailbox_is_an_address_with_or_without_a_name() {
        let address = "news@example.com".to_owned();
        assert_eq!(parts("news@example.com"), (None, address.clone()));
        assert_eq!(parts("<news@example.com>"), (None, address.clone()));
        assert_eq!(parts(" St. Örs <news@example.com> "), (Some("St. Örs".into()), address.clone()));
        assert_eq!(
            parts(r#""Ors, \"the\" parish" <news@example.com>"#),
            (Some(r#"Ors, "the" parish"#.into()), address)
        );
    }

    #[test]
    fn a_mailbox_cannot_start_a_header() {
        let bad: Result<Mailbox, _> = "News\r\nBcc: x@example.org <news@example.com>".parse();
        assert_eq!(bad, Err(MailboxProblem::ControlCharacter));
    }

    #[test]
    fn what_has_no_address_is_no_mailbox() {
        for bad in ["", "News", "News <>", "News <news>", "a@example.com, b@example.com"] {
            assert_eq!(bad.parse::<Mailbox>(), Err(MailboxProblem::Address), "{bad}");
        }
    }
}
