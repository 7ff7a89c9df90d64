//! Phone numbers as people type them, and the one form in which they are stored and sent.
//!
//! Numbering plans come from `rlibphonenumber`, a port of Google's libphonenumber. Where that library is lenient, this
//! module is not, because a number that is only probably meant reaches a stranger:
//!
//! - a number with an extension is refused: a text message cannot be sent to one;
//! - letters are refused (`1-800-FLOWERS`, `cell 415…`), except a leading `tel:` or `whatsapp:`;
//! - a number that no numbering plan knows is refused, also when its length would be possible;
//! - a national number is read only with the member's country; no country is ever guessed.
//!
//! What follows from the plans: the leading zero of Italian numbers stays (`+39066981234`), Mexico's old `+521…` is not
//! a number any more, Argentina's `+54 11 15…` becomes `+54911…`.

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, ParseError, PhoneNumberFormat, Region};
use serde::{Deserialize, Serialize};

/// Fewest digits of a number with its calling code; the shortest numbering plans (Niue, Saint Helena) have seven.
const MIN_DIGITS: usize = 7;
/// Most digits of a number with its calling code (ITU-T E.164, section 6).
const MAX_DIGITS: usize = 15;
/// Longest text that is looked at, in bytes; libphonenumber has the same limit.
const MAX_INPUT: usize = 250;
/// Schemes that are cut off; Twilio writes `WhatsApp` addresses as `whatsapp:+…`.
const SCHEMES: [&str; 2] = ["tel:", "whatsapp:"];

/// A phone number in the form of ITU-T E.164: `+`, calling code and national number, 7 to 15 digits.
///
/// Personal data: it has no `Display`, and its `Debug` shows nothing of it.
///
/// [`parse_phone`] makes one from what a person typed. [`FromStr`] and `Deserialize` accept the stored form and check
/// its shape only, so that a number stays readable when the numbering plans change.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

impl E164 {
    /// The number with its leading `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number without its `+`, as `WhatsApp` writes it.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// Reads a `WhatsApp` id (`wa_id`): the digits of a number, with calling code, without `+`.
    ///
    /// `WhatsApp` keeps some accounts under numbers that have since changed, and they are brought up to date here, so
    /// that an answer finds the member: Mexico's `521` and ten digits loses its `1`; a Brazilian mobile number of eight
    /// digits gets its ninth. Otherwise only the shape is checked: an account that wrote to us exists.
    ///
    /// # Errors
    ///
    /// [`PhoneProblem::NotANumber`] if the text is anything but 7 to 15 digits.
    pub fn from_wa_id(wa_id: &str) -> Result<Self, PhoneProblem> {
        let number: Self = format!("+{wa_id}").parse()?;
        let digits = number.digits();
        if let Some(national) = digits.strip_prefix("521").filter(|rest| rest.len() == 10) {
            return Ok(Self(format!("+52{national}")));
        }
        if let Some(national) = digits.strip_prefix("55").filter(|rest| rest.len() == 10) {
            let (area, subscriber) = national.split_at(2);
            if subscriber.starts_with(['6', '7', '8', '9']) {
                return Ok(Self(format!("+55{area}9{subscriber}")));
            }
        }
        Ok(number)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("E164(..)")
    }
}

impl FromStr for E164 {
    type Err = PhoneProblem;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for E164 {
    type Error = PhoneProblem;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.strip_prefix('+').ok_or(PhoneProblem::NotANumber)?;
        let shaped = (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if shaped { Ok(Self(text)) } else { Err(PhoneProblem::NotANumber) }
    }
}

impl From<E164> for String {
    fn from(number: E164) -> Self {
        number.0
    }
}

/// Why a text is not a number that a message can be sent to. Its text never contains the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PhoneProblem {
    /// Nothing, or only white space.
    #[error("there is no phone number")]
    Empty,
    /// The text does not read as a phone number at all.
    #[error("this is not a phone number")]
    NotANumber,
    /// A national number of a member without a known country.
    #[error("the number has no country code, and the member has no known country")]
    CountryNeeded,
    /// A number of a switchboard with an extension behind it.
    #[error("the number has an extension; messages cannot be sent to extensions")]
    Extension,
    /// Letters among the digits.
    #[error("the number contains letters")]
    Letters,
    /// No numbering plan has such a number: wrong length, unused prefix or unknown calling code.
    #[error("no such phone number exists")]
    Invalid,
}

/// Reads a phone number as a person typed it: with any punctuation, in international form or, with `country`, in the
/// national form of that country.
///
/// `country` is an ISO 3166-1 alpha-2 code in either case; one that is not known counts as none. It never changes a
/// number that is typed with its `+`.
///
/// # Errors
///
/// [`PhoneProblem`] says what is wrong with the number.
pub fn parse_phone(raw: &str, country: Option<&str>) -> Result<E164, PhoneProblem> {
    let raw = raw.trim();
    if raw.is_empty() {
        return Err(PhoneProblem::Empty);
    }
    if raw.len() > MAX_INPUT {
        return Err(PhoneProblem::NotANumber);
    }
    let raw = without_scheme(raw);
    let parsed = PHONE_NUMBER_UTIL.parse(raw, region(country));
    if parsed.as_ref().is_ok_and(|number| number.extension.is_some()) {
        return Err(PhoneProblem::Extension);
    }
    if raw.chars().any(char::is_alphabetic) {
        return Err(PhoneProblem::Letters);
    }
    let number = parsed.map_err(|error| problem_of(&error, raw))?;
    if !PHONE_NUMBER_UTIL.is_valid_number(&number) {
        return Err(PhoneProblem::Invalid);
    }
    // A few national plans allow more than the 15 digits of E.164; no provider takes those.
    E164::try_from(PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
        .map_err(|_| PhoneProblem::Invalid)
}

fn without_scheme(raw: &str) -> &str {
    SCHEMES
        .iter()
        .find_map(|scheme| {
            let head = raw.get(..scheme.len())?;
            head.eq_ignore_ascii_case(scheme).then(|| &raw[scheme.len()..])
        })
        .unwrap_or(raw)
}

fn region(country: Option<&str>) -> Option<Region> {
    // The library also takes "001" for the numbers of no country; a member does not live there.
    let code = country?.trim();
    if code.len() == 2 { code.parse().ok() } else { None }
}

fn problem_of(error: &ParseError, raw: &str) -> PhoneProblem {
    match error {
        // The library has one error for "no default region" and for "no such calling code".
        ParseError::InvalidCountryCode if !raw.contains(['+', '\u{ff0b}']) => PhoneProblem::CountryNeeded,
        ParseError::NotANumber(_) => PhoneProblem::NotANumber,
        ParseError::InvalidCountryCode
        | ParseError::TooShortAfterIdd
        | ParseError::TooShortNsn
        | ParseError::TooLongNsn => PhoneProblem::Invalid,
    }
}

#[cfg(test)]
mod tests;
