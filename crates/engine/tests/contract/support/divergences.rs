//! `DIVERGENCES.md`: the rows of its table are `| engine | check | what it does instead |`.

const LIST: &str = include_str!("../../../DIVERGENCES.md");

struct Row {
    engine: &'static str,
    check: &'static str,
    divergence: &'static str,
}

fn rows() -> impl Iterator<Item = Row> {
    LIST.lines().filter_map(|line| {
        let mut cells = line.trim().strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim);
        let (engine, check, divergence) = (cells.next()?, cells.next()?, cells.next()?);
        let check = check.strip_prefix('`')?.strip_suffix('`')?;
        Some(Row { engine, check, divergence })
    })
}

/// What `engine` is known to do instead of passing `check`. The table names engines with their version.
pub(crate) fn find(engine: &str, check: &str) -> Option<&'static str> {
    let same = |row: &Row| row.check == check && row.engine.split(' ').next() == Some(engine);
    rows().find(same).map(|row| row.divergence)
}

#[test]
fn every_row_names_a_check_that_exists_and_says_what_happens_instead() {
    let sources = [
        include_str!("../dynamodb/batches.rs"),
        include_str!("../dynamodb/capacity.rs"),
        include_str!("../dynamodb/conditions.rs"),
        include_str!("../dynamodb/indexes.rs"),
        include_str!("../dynamodb/queries.rs"),
        include_str!("../dynamodb/statements.rs"),
        include_str!("../dynamodb/tables.rs"),
        include_str!("../dynamodb/transactions.rs"),
        include_str!("../dynamodb/updates.rs"),
        include_str!("../sqs/batches.rs"),
        include_str!("../sqs/dead_letters.rs"),
        include_str!("../sqs/messages.rs"),
        include_str!("../sqs/polling.rs"),
        include_str!("../sqs/queues.rs"),
        include_str!("../sqs/visibility.rs"),
    ]
    .concat();
    for row in rows() {
        let function = row.check.rsplit("::").next().unwrap();
        assert!(sources.contains(&format!("async fn {function}(")), "there is no check `{}`", row.check);
        assert!(!row.divergence.is_empty(), "`{}` does not say what happens instead", row.check);
    }
}
