//! Members, as the host application describes them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::email::{EmailAddress, parse_email};
use crate::phone::{E164, parse_phone};
use crate::variables::Variable;
use crate::{Channel, FailureCode, MemberId};

/// A person whom the organisation may write to. Texts are kept as they were given; what they mean is decided when it matters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The host application's id.
    pub id: MemberId,
    /// Given names.
    #[serde(default)]
    pub first_names: Option<String>,
    /// Family names.
    #[serde(default)]
    pub last_names: Option<String>,
    /// Where mail goes.
    #[serde(default)]
    pub email: Option<String>,
    /// Where SMS and WhatsApp go.
    #[serde(default)]
    pub primary_phone: Option<String>,
    /// Used when there is no primary phone, and to recognise who wrote.
    #[serde(default)]
    pub secondary_phone: Option<String>,
    /// ISO 3166-1 alpha-2, for phone numbers in national form; else the organisation's country counts.
    #[serde(default)]
    pub country: Option<String>,
    /// The unit (parish, class, ward) that the member belongs to.
    #[serde(default)]
    pub unit: Option<Unit>,
    /// Further values for variables.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

/// A part of the organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its id in the host application.
    pub id: String,
    /// Its name, for `{{member.unit.name}}`.
    pub name: String,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Everything but the id is personal data.
        f.debug_struct("Member").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Characters of a phone number that its masked form shows: the `+` and about a country code, and the last two digits.
const SHOWN_AT_START: usize = 3;
const SHOWN_AT_END: usize = 2;

/// An address in the form in which a provider gets it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// The address that was stored as `text`; only for texts that came out of [`Self::as_str`].
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The address as a provider gets it: E.164, or a mailbox with its domain in ASCII.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address for people who need not know all of it: `+64••••••77`, `a•••@example.org`.
    pub fn masked(&self) -> String {
        if let Some((local, domain)) = self.0.rsplit_once('@') {
            let first: String = local.chars().take(1).collect();
            return format!("{first}•••@{domain}");
        }
        let digits: Vec<char> = self.0.chars().collect();
        let hidden = digits.len().saturating_sub(SHOWN_AT_START + SHOWN_AT_END);
        let shown = |place: usize| place < SHOWN_AT_START || place >= SHOWN_AT_START + hidden;
        // Of a number so short that little would be hidden, nothing is shown.
        let whole = hidden < SHOWN_AT_START;
        digits.iter().enumerate().map(|(i, c)| if shown(i) && !whole { *c } else { '•' }).collect()
    }

    /// The spelling under which opt-outs are kept: mailboxes in lower case.
    pub fn suppression_key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl From<E164> for Address {
    fn from(phone: E164) -> Self {
        Self(phone.as_str().to_owned())
    }
}

impl From<EmailAddress> for Address {
    fn from(email: EmailAddress) -> Self {
        Self(email.as_str().to_owned())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

impl Member {
    /// Where a message on `channel` goes. `org_country` is used for phones of members without a country of their own.
    ///
    /// # Errors
    /// The code with which a message to this member fails.
    pub fn address(&self, channel: Channel, org_country: &str) -> Result<Address, FailureCode> {
        let raw = self.typed_address(channel);
        match channel {
            Channel::Email => {
                let raw = raw.ok_or(FailureCode::NoEmail)?;
                parse_email(raw).map(Address::from).map_err(|_| FailureCode::InvalidEmail)
            }
            Channel::Sms | Channel::WhatsApp => {
                let raw = raw.ok_or(FailureCode::NoPhone)?;
                self.phone(raw, org_country).ok_or(FailureCode::InvalidPhone)
            }
        }
    }

    /// What the host application gives as the address on `channel`, whatever it says.
    pub fn typed_address(&self, channel: Channel) -> Option<&str> {
        match channel {
            Channel::Email => given(self.email.as_ref()),
            Channel::Sms | Channel::WhatsApp => {
                given(self.primary_phone.as_ref()).or_else(|| given(self.secondary_phone.as_ref()))
            }
        }
    }

    /// All valid addresses of the member: those that an opt-out or a reply may come from.
    pub fn addresses(&self, org_country: &str) -> Vec<Address> {
        let phones = [&self.primary_phone, &self.secondary_phone]
            .into_iter()
            .filter_map(|raw| self.phone(given(raw.as_ref())?, org_country));
        let email = given(self.email.as_ref()).and_then(|raw| parse_email(raw).ok()).map(Address::from);
        let mut all: Vec<_> = phones.chain(email).collect();
        all.sort();
        all.dedup();
        all
    }

    fn phone(&self, raw: &str, org_country: &str) -> Option<Address> {
        let country = given(self.country.as_ref()).unwrap_or(org_country);
        parse_phone(raw, Some(country)).ok().map(Address::from)
    }

    /// The member's value of `variable`, if it is one of theirs and they have one.
    pub fn value(&self, variable: &Variable) -> Option<&str> {
        match variable {
            Variable::FirstNames => given(self.first_names.as_ref()),
            Variable::LastNames => given(self.last_names.as_ref()),
            Variable::UnitName => {
                self.unit.as_ref().map(|unit| unit.name.trim()).filter(|name| !name.is_empty())
            }
            Variable::Field(name) => given(self.fields.get(name)),
            Variable::OrgName | Variable::UnsubscribeUrl => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_address_is_recognised_by_whoever_knows_it_and_tells_nobody_else() {
        let masked = |text: &str| Address::stored(text.into()).masked();
        assert_eq!(masked("+6421123477"), "+64••••••77");
        assert_eq!(masked("+15005550006"), "+15•••••••06");
        assert_eq!(masked("ana.lee@example.org"), "a•••@example.org");
        assert_eq!(masked("+641234"), "•••••••");
        assert_eq!(masked(""), "");
    }
}
