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

mod escape;
mod parser;
mod variable;

pub use escape::Escape;
pub use parser::{VariableError, VariableProblem};
pub use variable::{UnknownVariable, Variable, is_field_name};

/// The version of the rules in this module. It is frozen with the content of each action, so that the log shows for ever
/// what a recipient received: a change to what some text renders to is a new version beside this one.
pub const RENDERER_VERSION: u32 = 1;

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

/// Variables that have neither value nor default for a recipient; each once, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no value for {}", .variables.join(", "))]
pub struct Missing {
    /// The paths of the variables, at least one.
    pub variables: Vec<String>,
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

    /// The text for one recipient. Values, and defaults where they take a value's place, are escaped; the text around
    /// them stays as it was typed. The result has no limit of its own: callers hold it to the limit of their channel.
    ///
    /// # Errors
    ///
    /// [`Missing`] names every variable that has neither value nor default.
    pub fn render(&self, values: &impl Values, escape: Escape) -> Result<String, Missing> {
        let mut rendered = String::new();
        let mut missing = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => rendered.push_str(text),
                Part::Hole { variable, default } => {
                    let value = values.value(variable).filter(|value| !is_blank(value));
                    match value.or(default.as_deref()) {
                        Some(text) => escape.push(text, &mut rendered),
                        None if missing.contains(&variable) => {}
                        None => missing.push(variable),
                    }
                }
            }
        }
        if missing.is_empty() {
            Ok(rendered)
        } else {
            Err(Missing { variables: missing.into_iter().cloned().map(String::from).collect() })
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
