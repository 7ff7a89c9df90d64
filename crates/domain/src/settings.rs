//! What an organisation configures: itself, its channels and its templates.

mod channel;
mod mailbox;
mod rate;
mod template;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::OrgId;

pub use channel::{
    ChannelSettings, ChannelStatus, DEFAULT_RECEIPT_WINDOW_S, KeywordReplies, MAX_RECEIPT_WINDOW_S,
    MIN_RECEIPT_WINDOW_S, SenderProblem, check_sender,
};
pub use mailbox::{Mailbox, MailboxProblem};
pub use rate::{Rate, RateOutOfRange};
pub use template::{
    TemplateContent, TemplateParameter, TemplateProblem, TemplateSettings, TemplateStatus,
    placeholder_problems, placeholders, text_problem,
};

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    /// Its id, as tokens name it.
    pub id: OrgId,
    /// Its name, for `{{org.name}}`.
    pub name: String,
    /// ISO 3166-1 alpha-2, upper case: phone numbers in national form are read by it.
    pub country: String,
    /// Its IANA time zone. Tidings computes in UTC; this is for those who show times.
    pub time_zone: String,
    /// The answer to HELP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help_text: Option<String>,
    /// Where answers to mails go, unless the channel says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
}

/// The text is not the code of a country.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be the two-letter code of a country (ISO 3166-1 alpha-2), such as GB")]
pub struct UnknownCountry;

/// The code of a country in upper case. Countries are those that have a numbering plan.
///
/// # Errors
/// If there is no such country.
pub fn country(text: &str) -> Result<String, UnknownCountry> {
    let code = text.to_ascii_uppercase();
    let shaped = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    // A region without a calling code is a placeholder of the library such as ZZ.
    let region: Option<Region> = code.parse().ok().filter(|_| shaped);
    let known = region.is_some_and(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region).is_some());
    if known { Ok(code) } else { Err(UnknownCountry) }
}

/// The text does not have the form of a time zone's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be the IANA name of a time zone, such as Europe/Zagreb or UTC")]
pub struct InvalidTimeZone;

/// Checks the form of a time zone's name, by the rules of the time zone database (`theory.html`, "Timezone names").
/// Whether there is such a zone is not checked: nothing here depends on it, and the database grows.
///
/// # Errors
/// If the text is no such name.
pub fn check_time_zone(text: &str) -> Result<(), InvalidTimeZone> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+');
    let part = |part: &str| (1..=32).contains(&part.len()) && part.bytes().all(allowed);
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic());
    if begins && text.len() <= 64 && text.split('/').all(part) { Ok(()) } else { Err(InvalidTimeZone) }
}

#[cfg(test)]
mod tests;
