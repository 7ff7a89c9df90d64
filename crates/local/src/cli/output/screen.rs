//! Where text is shown: how wide, and whether in colour.

use console::{Style, Term};

/// The width of what is read by something else than a terminal, in columns.
const ELSEWHERE: usize = 160;

/// Where text is shown.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Screen {
    /// In columns.
    pub(super) width: usize,
    colour: bool,
}

impl Screen {
    /// Standard output: a terminal's own width, and colours unless its user wants none (`NO_COLOR`).
    pub(in crate::cli) fn stdout() -> Self {
        let terminal = Term::stdout();
        let width = terminal.size_checked().map_or(ELSEWHERE, |(_, columns)| usize::from(columns));
        Self { width, colour: terminal.is_term() && console::colors_enabled() }
    }

    /// Plain text of a width.
    #[cfg(test)]
    pub(in crate::cli) fn plain(width: usize) -> Self {
        Self { width, colour: false }
    }

    /// In colour.
    #[cfg(test)]
    pub(in crate::cli) fn colourful(width: usize) -> Self {
        Self { width, colour: true }
    }

    /// A heading.
    pub(in crate::cli) fn heading(self, text: &str) -> String {
        self.styled(&Style::new().bold(), text)
    }

    /// The status of an action or a message, whatever stands around the word.
    pub(in crate::cli) fn status(self, text: &str) -> String {
        let style = match text.trim() {
            "failed" => Style::new().red(),
            "partial" | "unconfirmed" | "skipped" | "paused" => Style::new().yellow(),
            "completed" | "delivered" | "read" => Style::new().green(),
            "cancelled" => Style::new().dim(),
            _ => return text.to_owned(),
        };
        self.styled(&style, text)
    }

    fn styled(self, style: &Style, text: &str) -> String {
        style.clone().force_styling(self.colour).apply_to(text).to_string()
    }
}
