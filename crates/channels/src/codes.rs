//! Tables of a provider's error codes: what every one of them is, whatever its classes are.

/// The class of `code` in a table that is in order.
pub(crate) fn find<C: Copy>(table: &[(u32, C)], code: u32) -> Option<C> {
    table.binary_search_by_key(&code, |(known, _)| *known).ok().map(|at| table[at].1)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fmt::Debug;

    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::find;

    #[derive(Deserialize)]
    struct Fixture<C> {
        codes: Vec<Entry<C>>,
    }

    #[derive(Deserialize)]
    struct Entry<C> {
        code: u32,
        class: C,
    }

    /// Holds a table to a fixture of agreed classes.
    pub(crate) fn assert_agreed<C: Copy + Debug + PartialEq + DeserializeOwned>(
        table: &[(u32, C)],
        fixture: &str,
    ) {
        let fixture: Fixture<C> = serde_json::from_str(fixture).unwrap();
        let agreed: Vec<_> = fixture.codes.iter().map(|entry| (entry.code, entry.class)).collect();
        assert_eq!(table, agreed);
    }

    /// Holds a table to its order, without which not every code is found.
    pub(crate) fn assert_in_order<C: Copy + Debug + PartialEq>(table: &[(u32, C)]) {
        assert!(table.is_sorted_by(|a, b| a.0 < b.0));
        assert!(table.iter().all(|(code, class)| find(table, *code) == Some(*class)));
    }
}
