//! What is done to a value on its way into a text.

/// The place that a text goes to, and so what its values must not contain.
///
/// A default takes the place of a value and is treated like one; its author writes it as plain text, in HTML too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// Plain text: values stay as they are.
    None,
    /// HTML, between tags or in quoted attributes: `& < > " '` become character references.
    Html,
    /// One line of a header, such as a subject: each control character or line separator becomes a space.
    Header,
}

impl Escape {
    /// Appends a value, escaped.
    pub(super) fn push(self, value: &str, to: &mut String) {
        match self {
            Self::None => to.push_str(value),
            Self::Html => value.chars().for_each(|character| push_html(character, to)),
            Self::Header => to.extend(value.chars().map(|c| if breaks_a_line(c) { ' ' } else { c })),
        }
    }
}

fn push_html(character: char, to: &mut String) {
    match character {
        '&' => to.push_str("&amp;"),
        '<' => to.push_str("&lt;"),
        '>' => to.push_str("&gt;"),
        '"' => to.push_str("&quot;"),
        '\'' => to.push_str("&#39;"),
        other => to.push(other),
    }
}

/// Control characters, and the two separators that some clients show as line breaks.
fn breaks_a_line(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}
