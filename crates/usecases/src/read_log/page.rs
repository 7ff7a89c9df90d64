//! Pages: how much a request looks at and how much it answers with.

use serde::Serialize;

/// Rows that a request looks at before it answers with what it has.
pub(super) const MAX_EXAMINED: usize = 2_000;
/// What the items of a page come to in JSON, in bytes. A function may answer with 6 MB, and its answer is JSON that holds this as a text.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// A page that is being filled.
#[derive(Debug)]
pub(super) struct Page<T> {
    items: Vec<T>,
    limit: usize,
    bytes: usize,
    room: usize,
}

impl<T: Serialize> Page<T> {
    /// A page of at most `limit` items, for which at most `room` rows are looked at.
    pub(super) fn new(limit: usize, room: usize) -> Self {
        Self { items: Vec::new(), limit, bytes: 0, room }
    }

    /// Adds an item; only to a page that is not full.
    pub(super) fn push(&mut self, item: T) {
        self.bytes += serde_json::to_vec(&item).map_or(0, |json| json.len());
        self.items.push(item);
    }

    /// Whether nothing more goes into it.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= self.limit || self.bytes >= MAX_BYTES
    }

    /// Items that may still be added, as far as their number goes.
    pub(super) fn missing(&self) -> usize {
        self.limit.saturating_sub(self.items.len())
    }

    /// Rows that may still be looked at for it.
    pub(super) fn room(&self) -> usize {
        if self.is_full() { 0 } else { self.room }
    }

    /// Takes note that `rows` were looked at.
    pub(super) fn examined(&mut self, rows: usize) {
        self.room = self.room.saturating_sub(rows);
    }

    /// What it holds.
    pub(super) fn into_items(self) -> Vec<T> {
        self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_full_by_number_or_by_size() {
        let mut page = Page::new(2, 10);
        page.push("a".to_owned());
        assert_eq!((page.is_full(), page.missing(), page.room()), (false, 1, 10));
        page.push("b".to_owned());
        assert_eq!((page.is_full(), page.missing(), page.room()), (true, 0, 0));

        let mut page = Page::new(200, 10);
        page.push("x".repeat(MAX_BYTES));
        assert!(page.is_full());
    }

    #[test]
    fn what_was_looked_at_takes_room() {
        let mut page: Page<String> = Page::new(2, 150);
        page.examined(100);
        assert_eq!(page.room(), 50);
        page.examined(100);
        assert_eq!(page.room(), 0);
    }
}
