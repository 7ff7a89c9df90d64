//! Email addresses: the form that Amazon SES takes, and the key under which one address is one address.
//!
//! The syntax is RFC 5321's, without what cannot be sent or is never meant: quoted local parts, domain literals, display
//! names, domains without a top level. SES has no SMTPUTF8, so the local part is ASCII; an international domain becomes
//! punycode.

use std::fmt;
use std::str::FromStr;

use email_address::Options;
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};

/// Longest local part, in octets (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// Longest address, in octets (the 256 of a path of RFC 5321 without its angle brackets).
const MAX_ADDRESS: usize = 254;

/// An email address that can be handed to SES: ASCII, domain in lower case and punycode, at most 254 octets.
///
/// The local part keeps its case, since some hosts look at it. Personal data: it has no `Display`, and its `Debug` shows
/// nothing of it. `Deserialize` applies [`parse_email`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The address, `local@domain`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`, as typed.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// The key under which opt-outs, complaints and households know this address: all of it in lower case, because
    /// practically every host ignores case, and an opt-out must hold however the address is typed next time.
    pub fn suppression_key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(..)")
    }
}

impl FromStr for EmailAddress {
    type Err = EmailProblem;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_email(text)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = EmailProblem;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse_email(&text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

/// Why a text is not an address that a message can be sent to. Its text never contains the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EmailProblem {
    /// Nothing, or only white space.
    #[error("there is no email address")]
    Empty,
    /// A line break or another control character inside the text.
    #[error("the address contains control characters")]
    ControlCharacter,
    /// A name or angle brackets around the address.
    #[error("the address has a name or angle brackets around it")]
    DisplayText,
    /// No `@`.
    #[error("the address has no @")]
    NoAt,
    /// The part before the `@` is empty, quoted, or has characters or dots where none may be.
    #[error("the part before the @ is not valid")]
    LocalPart,
    /// The part before the `@` is not ASCII; SES cannot send to it.
    #[error("the part before the @ has characters that cannot be sent to")]
    LocalPartNotAscii,
    /// The part before the `@` has more than 64 octets.
    #[error("the part before the @ is too long")]
    LocalPartTooLong,
    /// An IP address in brackets instead of a domain.
    #[error("the address has a number in brackets instead of a domain")]
    DomainLiteral,
    /// The domain is not one: empty or overlong labels, hyphens at their ends, other characters.
    #[error("the domain after the @ is not valid")]
    Domain,
    /// The domain has no top level (`localhost`) or a numeric one (an IP address).
    #[error("the domain after the @ has no valid top level")]
    NoTopLevelDomain,
    /// More than 254 octets in all.
    #[error("the address is too long")]
    TooLong,
}

/// Reads an email address as a person typed it. White space around it is dropped.
///
/// # Errors
///
/// [`EmailProblem`] says what is wrong with the address.
pub fn parse_email(raw: &str) -> Result<EmailAddress, EmailProblem> {
    let raw = raw.trim();
    if raw.is_empty() {
        return Err(EmailProblem::Empty);
    }
    if raw.chars().any(char::is_control) {
        return Err(EmailProblem::ControlCharacter);
    }
    if raw.contains(['<', '>']) {
        return Err(EmailProblem::DisplayText);
    }
    let (local, domain) = raw.rsplit_once('@').ok_or(EmailProblem::NoAt)?;
    check_local(local)?;
    let address = format!("{local}@{}", ascii_domain(domain)?);
    if address.len() > MAX_ADDRESS {
        return Err(EmailProblem::TooLong);
    }
    // The domain is settled; what is left for the grammar to find fault with is the local part.
    email_address::EmailAddress::parse_with_options(&address, grammar())
        .map_err(|_| EmailProblem::LocalPart)?;
    Ok(EmailAddress(address))
}

fn grammar() -> Options {
    Options::default().with_required_tld().without_display_text().without_domain_literal()
}

fn check_local(local: &str) -> Result<(), EmailProblem> {
    if !local.is_ascii() {
        Err(EmailProblem::LocalPartNotAscii)
    } else if local.len() > MAX_LOCAL {
        Err(EmailProblem::LocalPartTooLong)
    } else if local.is_empty() || local.contains('"') {
        Err(EmailProblem::LocalPart)
    } else {
        Ok(())
    }
}

/// The domain in lower case and punycode, by UTS #46 with the rules for host names.
fn ascii_domain(domain: &str) -> Result<String, EmailProblem> {
    if domain.starts_with('[') {
        return Err(EmailProblem::DomainLiteral);
    }
    let ascii = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .map_err(|_| EmailProblem::Domain)?;
    let (_, top) = ascii.rsplit_once('.').ok_or(EmailProblem::NoTopLevelDomain)?;
    // RFC 3696, section 2: a top-level domain is not all numeric. Those that exist are letters or punycode.
    let named =
        top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic()) || top.starts_with("xn--");
    if named { Ok(ascii.into_owned()) } else { Err(EmailProblem::NoTopLevelDomain) }
}

#[cfg(test)]
mod tests;
