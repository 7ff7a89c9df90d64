//! Tables: aligned columns, the last one cut or wrapped to what the screen has left.

use console::{measure_text_width, truncate_str};

use super::{Screen, lines, one_line};

/// The widest that a column but the last gets; ids have at most 64 letters and are not cut.
const WIDEST: usize = 64;
/// The last column gets this much, however narrow the screen is.
const NARROWEST: usize = 20;
const GAP: &str = "  ";

/// How a column is shown.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) enum Column {
    /// Text.
    Text(&'static str),
    /// Numbers, aligned to the right.
    Number(&'static str),
    /// Statuses, in their colours.
    Status(&'static str),
    /// Text in full, on several lines if it has them; for the last column.
    Whole(&'static str),
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Number(name) | Self::Status(name) | Self::Whole(name) => name,
        }
    }

    /// The lines of a cell.
    fn lines(self, cell: &str) -> Vec<String> {
        match self {
            Self::Whole(_) => lines(cell),
            Self::Text(_) | Self::Number(_) | Self::Status(_) => vec![one_line(cell)],
        }
    }
}

/// Rows of `N` cells under their names.
#[derive(Debug)]
pub(in crate::cli) struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table without rows.
    pub(in crate::cli) fn new(columns: [Column; N]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub(in crate::cli) fn push(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// The table; nothing if it has no rows.
    pub(in crate::cli) fn text_if_any(&self, screen: Screen) -> String {
        if self.rows.is_empty() { String::new() } else { self.text(screen) }
    }

    /// The table, a line for its head and for each row.
    pub(in crate::cli) fn text(&self, screen: Screen) -> String {
        let names = self.columns.map(|column| column.name().to_uppercase());
        let widths = self.widths(&names, screen);
        let mut out = String::new();
        for (place, column) in self.columns.iter().enumerate() {
            let cell = padded(*column, &names[place], widths[place]);
            push_cell(&mut out, place, &screen.heading(cell.trim_end()), cell.len() - cell.trim_end().len());
        }
        end_line(&mut out);
        for row in &self.rows {
            self.push_row(&mut out, row, &widths, screen);
        }
        out
    }

    fn widths(&self, names: &[String; N], screen: Screen) -> [usize; N] {
        let mut widths = names.each_ref().map(|name| measure_text_width(name));
        for row in &self.rows {
            for (place, cell) in row.iter().enumerate() {
                let width = measure_text_width(&one_line(cell)).min(WIDEST);
                widths[place] = widths[place].max(width);
            }
        }
        if let Some((last, others)) = widths.split_last_mut() {
            let taken: usize = others.iter().map(|width| width + GAP.len()).sum();
            *last = screen.width.saturating_sub(taken).max(NARROWEST);
        }
        widths
    }

    fn push_row(&self, out: &mut String, row: &[String; N], widths: &[usize; N], screen: Screen) {
        let mut further = Vec::new();
        for (place, column) in self.columns.iter().enumerate() {
            let mut lines = column.lines(&row[place]).into_iter();
            let cell = padded(*column, &lines.next().unwrap_or_default(), widths[place]);
            further = lines.collect();
            let cell = if matches!(column, Column::Status(_)) { screen.status(&cell) } else { cell };
            push_cell(out, place, &cell, 0);
        }
        end_line(out);
        let indent: usize = widths[..N.saturating_sub(1)].iter().map(|width| width + GAP.len()).sum();
        for line in further {
            push_cell(out, 0, &format!("{:indent$}{line}", ""), 0);
            end_line(out);
        }
    }
}

/// A cell in the width of its column.
fn padded(column: Column, cell: &str, width: usize) -> String {
    let cell =
        if matches!(column, Column::Whole(_)) { cell.into() } else { truncate_str(cell, width, "…") };
    let space = " ".repeat(width.saturating_sub(measure_text_width(&cell)));
    if matches!(column, Column::Number(_)) { format!("{space}{cell}") } else { format!("{cell}{space}") }
}

fn push_cell(out: &mut String, place: usize, cell: &str, space: usize) {
    if place > 0 {
        out.push_str(GAP);
    }
    out.push_str(cell);
    out.extend(std::iter::repeat_n(' ', space));
}

fn end_line(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<3> {
        let mut table = Table::new([Column::Status("status"), Column::Number("count"), Column::Text("text")]);
        table.push([
            "failed".into(),
            "5".into(),
            "Kia ora Hēmi,\nservice is at 10:00 👍 and much more".into(),
        ]);
        table.push(["unconfirmed".into(), "12345678".into(), String::new()]);
        table
    }

    #[test]
    fn columns_are_aligned_and_the_last_is_cut() {
        let expected = "\
STATUS          COUNT  TEXT
failed              5  Kia ora Hēmi, service is at 10:…
unconfirmed  12345678
";
        assert_eq!(table().text(Screen::plain(55)), expected);
        // Never so narrow that nothing can be read.
        assert!(table().text(Screen::plain(10)).contains("Kia ora Hēmi, servi…\n"));
    }

    #[test]
    fn a_wide_letter_takes_two_columns() {
        let mut table = Table::new([Column::Text("who"), Column::Text("what")]);
        table.push(["李雷".into(), "x".into()]);
        table.push(["Hana".into(), "y".into()]);
        assert_eq!(table.text(Screen::plain(40)), "WHO   WHAT\n李雷  x\nHana  y\n");
    }

    #[test]
    fn a_whole_text_goes_on_below_itself() {
        let mut table = Table::new([Column::Text("from"), Column::Whole("text")]);
        table.push(["in".into(), "Kia ora,\n\nwe are coming, all of us, with a cake".into()]);
        let expected = "FROM  TEXT\nin    Kia ora,\n\n      we are coming, all of us, with a cake\n";
        assert_eq!(table.text(Screen::plain(30)), expected);
    }

    #[test]
    fn statuses_have_colours_on_a_terminal() {
        let text = table().text(Screen::colourful(80));
        assert!(text.contains("\u{1b}[31mfailed     \u{1b}[0m"), "{text:?}");
        assert!(!table().text(Screen::plain(80)).contains('\u{1b}'));
    }
}
