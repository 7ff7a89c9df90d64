//! From typed text to parts. Each character is looked at once, and nothing nests.

use std::fmt;

use super::{Part, Variable};

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
/// Longest quotation of the text in an error, in characters.
const MAX_QUOTE: usize = 60;

/// What is wrong with a variable in a text, and where. It quotes the text, so it is for its author and not for logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}: {}", .text.escape_debug())]
pub struct VariableError {
    /// What is wrong.
    pub problem: VariableProblem,
    /// The line, from 1; lines end with a line feed.
    pub line: u32,
    /// The character of that line, from 1.
    pub column: u32,
    /// The offending text, at most 60 characters of it.
    pub text: String,
}

/// The kinds of mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VariableProblem {
    /// `{{` without `}}`.
    Unclosed,
    /// Nothing that could be a variable's name.
    NoVariable,
    /// A name, but of no variable.
    UnknownVariable,
    /// Something between the variable and `}}` that is no filter.
    Unexpected,
    /// A filter other than `default`.
    UnknownFilter,
    /// `default` without one quoted text in parentheses.
    BadDefault,
}

impl fmt::Display for VariableProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unclosed => "this variable is not closed with }}",
            Self::NoVariable => "there is no variable between {{ and }}",
            Self::UnknownVariable => "there is no such variable",
            Self::Unexpected => "this does not belong in a variable",
            Self::UnknownFilter => "the only filter is default",
            Self::BadDefault => "a default is written default(\"text\")",
        })
    }
}

/// A mistake and the byte offset at which its text begins; `len` bytes of it are the offending text.
struct Mistake {
    problem: VariableProblem,
    at: usize,
    len: usize,
}

pub(super) fn parse(text: &str) -> Result<Vec<Part>, VariableError> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(offset) = text[at..].find(OPEN) {
        let open = at + offset;
        push_text(&mut parts, &text[at..open]);
        let mut cursor = Cursor { text, at: open + OPEN.len() };
        let part = cursor.hole().map_err(|mistake| {
            // Without any end, whatever was found inside is only a consequence.
            let unclosed = !text[open..].contains(CLOSE);
            let whole = Mistake { problem: VariableProblem::Unclosed, at: open, len: text.len() - open };
            located(text, if unclosed { &whole } else { &mistake })
        })?;
        parts.push(part);
        at = cursor.at;
    }
    push_text(&mut parts, &text[at..]);
    Ok(parts)
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

fn located(text: &str, mistake: &Mistake) -> VariableError {
    let (before, rest) = text.split_at(mistake.at);
    let line_start = before.rfind('\n').map_or(0, |feed| feed + 1);
    let number = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
    let first_line = rest[..mistake.len].lines().next().unwrap_or("");
    VariableError {
        problem: mistake.problem,
        line: number(before.matches('\n').count()),
        column: number(before[line_start..].chars().count()),
        text: first_line.chars().take(MAX_QUOTE).collect(),
    }
}

/// A place in the text, after some `{{`.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The variable, its default and the closing braces.
    fn hole(&mut self) -> Result<Part, Mistake> {
        self.skip_space();
        let path = self.token();
        let variable = path.parse::<Variable>().map_err(|_| {
            let at = self.at - path.len();
            if path.is_empty() {
                self.mistake(VariableProblem::NoVariable)
            } else {
                Mistake { problem: VariableProblem::UnknownVariable, at, len: path.len() }
            }
        })?;
        self.skip_space();
        let default = if self.take("|") { Some(self.default()?) } else { None };
        self.skip_space();
        if self.take(CLOSE) {
            Ok(Part::Hole { variable, default })
        } else {
            Err(self.mistake(VariableProblem::Unexpected))
        }
    }

    /// The filter after `|`; the default it gives.
    fn default(&mut self) -> Result<String, Mistake> {
        self.skip_space();
        let start = self.at;
        let name = self.token();
        if name != "default" {
            return Err(Mistake { problem: VariableProblem::UnknownFilter, at: start, len: name.len() });
        }
        self.skip_space();
        if !self.take("(") {
            return Err(Mistake { problem: VariableProblem::BadDefault, at: start, len: name.len() });
        }
        self.skip_space();
        let text = self.quoted().map_err(|()| self.mistake_from(start))?;
        self.skip_space();
        if self.take(")") { Ok(text) } else { Err(self.mistake_from(start)) }
    }

    /// A text in quotes of either kind, without its quotes and escapes.
    fn quoted(&mut self) -> Result<String, ()> {
        let mut characters = self.text[self.at..].char_indices();
        let quote =
            characters.next().map(|(_, quote)| quote).filter(|quote| matches!(quote, '"' | '\'')).ok_or(())?;
        let mut text = String::new();
        while let Some((offset, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\'' | '\\'))) => text.push(escaped),
                    _ => return Err(()),
                },
                _ if character == quote => {
                    self.at += offset + quote.len_utf8();
                    return Ok(text);
                }
                _ => text.push(character),
            }
        }
        Err(())
    }

    /// The characters up to white space or one that has a meaning here.
    fn token(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let ends = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | '|' | '(' | ')' | '"' | '\'');
        let token = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += token.len();
        token
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, expected: &str) -> bool {
        let found = self.text[self.at..].starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    /// A mistake in what is here, up to the closing braces.
    fn mistake(&self, problem: VariableProblem) -> Mistake {
        let rest = &self.text[self.at..];
        Mistake { problem, at: self.at, len: rest.find(CLOSE).unwrap_or(rest.len()) }
    }

    /// A default that begins at `start` and is not well formed.
    fn mistake_from(&self, start: usize) -> Mistake {
        Self { text: self.text, at: start }.mistake(VariableProblem::BadDefault)
    }
}
