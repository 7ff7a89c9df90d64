//! Variables in the text that people type: `{{member.first_names}}`, with or without a default.
//!
//! One construct is the whole language. Between `{{` and `}}` stands the path of a [`Variable`] and, if wanted, one
//! filter: `{{ member.first_names | default("friend") }}`. White space around the parts does not matter. A default is in
//! double or single quotes; inside it `\"`, `\'` and `\\` stand for the character after the backslash. Every other text
//! stays as it was typed, also `{%`, `{#`, `}}` and single braces; values are put in as they are and never read again.
//!
//! Texts are parsed when they are saved or sent, so that an author learns of a mistake with its place, and rendered per
//! recipient: a variable without value and default fails that recipient, so no message has a hole in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

mod escape;
mod parser;
mod variable;

pub use escape::Escape;
pub use parser::{VariableError, VariableProblem};
pub use variable::{UnknownVariable, Variable, is_field_name};

/// The version of the rules in this module. It is frozen with the content of each action, so that the log shows for ever
/// what a recipient received: a change to what some text renders to is a new version beside this one.
pub const RENDERER_VERSION: u32 = 1;

/// Most variables in one text, each counted as often as it stands there. Checked when a text is saved or sent: the work of writing a text, and how far
/// values can blow it up, follow from it.
pub const MAX_VARIABLES: usize = 500;

/// A parsed text, ready to be rendered for any number of recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole { variable: Variable, default: Option<String> },
}

/// Where the values of one recipient come from.
pub trait Values {
    /// The value of a variable. One that is blank (empty, or only white space and invisible characters) counts as none.
    fn value(&self, variable: &Variable) -> Option<&str>;
}

impl Values for BTreeMap<Variable, String> {
    fn value(&self, variable: &Variable) -> Option<&str> {
        self.get(variable).map(String::as_str)
    }
}

/// Most that a text may come to once its variables are filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Most {
    /// So many characters.
    Characters(usize),
    /// So many bytes of UTF-8.
    Bytes(usize),
}

impl Most {
    pub(crate) fn is_exceeded_by(self, text: &str) -> bool {
        match self {
            // Characters are counted only where the bytes do not settle it.
            Self::Characters(most) => text.len() > most && text.chars().count() > most,
            Self::Bytes(most) => text.len() > most,
        }
    }
}

impl fmt::Display for Most {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Characters(most) => write!(f, "{most} characters"),
            Self::Bytes(most) => write!(f, "{most} bytes"),
        }
    }
}

/// Why a text cannot be written for a recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// Variables that have neither value nor default, by their paths: at least one, each once, in the order of the text.
    #[error("no value for {}", .0.join(", "))]
    Missing(Vec<String>),
    /// With this recipient's values it would be longer than it may be.
    #[error("it would have more than {0}")]
    TooLong(Most),
}

impl Template {
    /// Parses a text.
    ///
    /// # Errors
    ///
    /// [`VariableError`] says what is wrong with the first `{{` that is not a variable, and where.
    pub fn parse(text: &str) -> Result<Self, VariableError> {
        parser::parse(text).map(|parts| Self { parts })
    }

    /// The variables of the text; each once, in the order of [`Variable`].
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.holes().map(|(variable, _)| variable).collect::<BTreeSet<_>>().into_iter()
    }

    /// The variables that stand at least once without a default, so that a recipient without them cannot be sent to.
    pub fn required(&self) -> impl Iterator<Item = &Variable> {
        let bare = self.holes().filter(|(_, default)| default.is_none());
        bare.map(|(variable, _)| variable).collect::<BTreeSet<_>>().into_iter()
    }

    /// How many variables stand in the text, each as often as it does. [`MAX_VARIABLES`] may be sent.
    pub fn count(&self) -> usize {
        self.holes().count()
    }

    /// The text for one recipient, of at most `most`. Values, and defaults where they take a value's place, are escaped;
    /// the text around them stays as it was typed.
    ///
    /// # Errors
    ///
    /// [`Unwritable`]; what is missing goes before what is too long.
    pub fn render(&self, values: &impl Values, escape: Escape, most: Most) -> Result<String, Unwritable> {
        let mut rendered = String::new();
        let mut missing = Vec::new();
        let mut too_long = false;
        for part in &self.parts {
            match part {
                // What is too long already does not grow any more.
                Part::Text(text) if !too_long => rendered.push_str(text),
                Part::Text(_) => {}
                Part::Hole { variable, default } => {
                    let value = values.value(variable).filter(|value| !is_blank(value));
                    match value.or(default.as_deref()) {
                        Some(_) if too_long => {}
                        Some(text) => escape.push(text, &mut rendered),
                        None if missing.contains(&variable) => {}
                        None => missing.push(variable),
                    }
                }
            }
            too_long = too_long || most.is_exceeded_by(&rendered);
        }
        if !missing.is_empty() {
            Err(Unwritable::Missing(missing.into_iter().cloned().map(String::from).collect()))
        } else if too_long {
            Err(Unwritable::TooLong(most))
        } else {
            Ok(rendered)
        }
    }

    fn holes(&self) -> impl Iterator<Item = (&Variable, Option<&str>)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Hole { variable, default } => Some((variable, default.as_deref())),
        })
    }
}

/// Whether nothing of a value would be seen. The listed characters take no room and are no white space to Unicode:
/// soft hyphen, Mongolian vowel separator, zero-width space to right-to-left mark, word joiner, byte order mark.
fn is_blank(value: &str) -> bool {
    let invisible =
        |c| matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    value.chars().all(|c| c.is_whitespace() || c.is_control() || invisible(c))
}

#[cfg(test)]
mod tests;
