//! The variables there are.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name of a member's field, in characters.
const MAX_FIELD_NAME: usize = 64;
/// What a path of a member's own field starts with.
const FIELD_PREFIX: &str = "member.fields.";

/// Something of the recipient or the organisation that a text can name. Written as its [path](Variable::path), in JSON
/// too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Variable {
    /// `member.first_names`.
    FirstNames,
    /// `member.last_names`.
    LastNames,
    /// `member.unit.name`.
    UnitName,
    /// `member.fields.<name>`: a field that the organisation keeps about its members. A text can only name one whose
    /// name [is a field name](is_field_name).
    Field(String),
    /// `org.name`.
    OrgName,
    /// `unsubscribe_url`: the recipient's own link. Email has one.
    UnsubscribeUrl,
}

impl Variable {
    /// The path by which a text names the variable.
    pub fn path(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::FirstNames => "member.first_names",
            Self::LastNames => "member.last_names",
            Self::UnitName => "member.unit.name",
            Self::Field(name) => return Cow::Owned(format!("{FIELD_PREFIX}{name}")),
            Self::OrgName => "org.name",
            Self::UnsubscribeUrl => "unsubscribe_url",
        })
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

impl FromStr for Variable {
    type Err = UnknownVariable;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        match path {
            "member.first_names" => Ok(Self::FirstNames),
            "member.last_names" => Ok(Self::LastNames),
            "member.unit.name" => Ok(Self::UnitName),
            "org.name" => Ok(Self::OrgName),
            "unsubscribe_url" => Ok(Self::UnsubscribeUrl),
            _ => {
                let name = path.strip_prefix(FIELD_PREFIX).ok_or(UnknownVariable)?;
                if is_field_name(name) { Ok(Self::Field(name.to_owned())) } else { Err(UnknownVariable) }
            }
        }
    }
}

impl TryFrom<String> for Variable {
    type Error = UnknownVariable;

    fn try_from(path: String) -> Result<Self, Self::Error> {
        path.parse()
    }
}

impl From<Variable> for String {
    fn from(variable: Variable) -> Self {
        variable.path().into_owned()
    }
}

/// A path that names no variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such variable")]
pub struct UnknownVariable;

/// Whether a text can be the name of a member's field: 1 to 64 ASCII letters, digits, `_` and `-`. Case matters.
pub fn is_field_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_FIELD_NAME).contains(&name.len()) && name.bytes().all(allowed)
}
