//! What a text field may hold.

/// What a text field may hold.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    min: usize,
    max: usize,
    max_bytes: Option<usize>,
    one_line: bool,
}

impl Text {
    /// One line of 1 to `max` characters, such as a name or a subject. Control characters are refused, line breaks
    /// among them (they would become headers of a mail), and so are the characters that turn the direction of the text
    /// around them (they make one thing read as another).
    pub const fn line(max: usize) -> Self {
        Self { min: 1, max, max_bytes: None, one_line: true }
    }

    /// Any number of lines, of 1 to `max` characters in all. Of the control characters only tab, line feed, carriage
    /// return and form feed (a character of GSM-7) may occur.
    pub const fn block(max: usize) -> Self {
        Self { min: 1, max, max_bytes: None, one_line: false }
    }

    /// Also allows the empty text.
    #[must_use]
    pub const fn or_empty(self) -> Self {
        Self { min: 0, ..self }
    }

    /// Also limits the length in bytes of UTF-8.
    #[must_use]
    pub const fn max_bytes(self, bytes: usize) -> Self {
        Self { max_bytes: Some(bytes), ..self }
    }

    /// # Errors
    /// A code and a sentence, if `text` does not fit.
    pub(super) fn check(&self, text: &str) -> Result<(), (&'static str, String)> {
        // Characters are counted only where the bytes do not settle it.
        if text.len() > self.max && text.chars().count() > self.max {
            return Err(("too_long", format!("must have at most {} characters", self.max)));
        }
        if let Some(bytes) = self.max_bytes.filter(|bytes| text.len() > *bytes) {
            return Err(("too_long", format!("must have at most {bytes} bytes in UTF-8")));
        }
        if text.len() < self.min {
            return Err(("too_short", "must not be empty".into()));
        }
        match text.chars().find(|c| self.refuses(*c)) {
            None => Ok(()),
            Some(bad) => {
                let allowed = if self.one_line { "; it must be one line of plain text" } else { "" };
                Err(("character", format!("holds the character U+{:04X}{allowed}", u32::from(bad))))
            }
        }
    }

    fn refuses(&self, c: char) -> bool {
        if self.one_line {
            let breaks_line = matches!(c, '\u{2028}' | '\u{2029}');
            let turns_direction = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            c.is_control() || breaks_line || turns_direction
        } else {
            c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}')
        }
    }
}
