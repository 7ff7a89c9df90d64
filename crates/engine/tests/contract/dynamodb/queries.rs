//! Queries of the table itself.

use aws_sdk_dynamodb::types::Select;

use super::{Item, Table, item, key, n, s, sks};
use crate::support::{World, contract, here};

async fn table_of<'w>(world: &'w World, rows: &[&str]) -> Table<'w> {
    let table = Table::new(world).await;
    for (v, sk) in rows.iter().enumerate() {
        table.has(item([("pk", s("a")), ("sk", s(*sk)), ("v", n(v))])).await;
    }
    table
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    contract(here!(), async |world| {
        let table = table_of(&world, &["1", "2", "3", "4", "5"]).await;
        let (mut seen, mut pages, mut start) = (Vec::new(), 0, None::<Item>);
        loop {
            let page = table.query("a").limit(2).set_exclusive_start_key(start).send().await.unwrap();
            seen.extend(sks(page.items()).into_iter().map(str::to_owned));
            pages += 1;
            start = page.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["1", "2", "3", "4", "5"]);
        assert_eq!(pages, 3);
    })
    .await;
}

#[tokio::test]
async fn a_page_that_ends_with_the_last_item_still_has_a_key_to_go_on_from() {
    contract(here!(), async |world| {
        let table = table_of(&world, &["1", "2"]).await;
        let page = table.query("a").limit(2).send().await.unwrap();
        assert_eq!(page.last_evaluated_key, Some(key("a", "2")));
        let rest =
            table.query("a").limit(2).set_exclusive_start_key(page.last_evaluated_key).send().await.unwrap();
        assert_eq!((rest.count(), rest.last_evaluated_key), (0, None));
    })
    .await;
}

#[tokio::test]
async fn a_page_may_start_at_a_key_that_no_longer_exists() {
    contract(here!(), async |world| {
        let table = table_of(&world, &["1", "3"]).await;
        let page = table.query("a").set_exclusive_start_key(Some(key("a", "2"))).send().await.unwrap();
        assert_eq!(sks(page.items()), ["3"]);
    })
    .await;
}

#[tokio::test]
async fn a_filter_takes_away_after_the_limit() {
    contract(here!(), async |world| {
        let table = table_of(&world, &["1", "2", "3", "4"]).await;
        let page = table.query("a").limit(3).filter_expression("v >= :two");
        let page = page.expression_attribute_values(":two", n(2)).send().await.unwrap();
        assert_eq!((page.scanned_count(), page.count()), (3, 1));
        assert!(page.last_evaluated_key.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_count_returns_no_items() {
    contract(here!(), async |world| {
        let table = table_of(&world, &["1", "2", "3"]).await;
        let counted = table.query("a").select(Select::Count).send().await.unwrap();
        assert_eq!((counted.count(), counted.items().len()), (3, 0));
    })
    .await;
}

#[tokio::test]
async fn sort_keys_can_be_ranged_prefixed_and_read_backwards() {
    contract(here!(), async |world| {
        let table =
            table_of(&world, &["CHUNK#00001", "CHUNK#00002", "PARCEL#00001#sms", "PARCEL#00002#sms"]).await;
        let query = |condition: &str| {
            let query = world.dynamodb.query().table_name(&table.name).consistent_read(true);
            let query = query.key_condition_expression(format!("pk = :pk AND {condition}"));
            query.expression_attribute_values(":pk", s("a"))
        };
        let chunks = query("begins_with(sk, :p)").expression_attribute_values(":p", s("CHUNK#"));
        assert_eq!(sks(chunks.send().await.unwrap().items()), ["CHUNK#00001", "CHUNK#00002"]);
        let between = query("sk BETWEEN :from AND :to");
        let between = between.expression_attribute_values(":from", s("CHUNK#00002"));
        let between = between.expression_attribute_values(":to", s("PARCEL#00001#sms"));
        assert_eq!(sks(between.send().await.unwrap().items()), ["CHUNK#00002", "PARCEL#00001#sms"]);
        let last = query("begins_with(sk, :p)").expression_attribute_values(":p", s("PARCEL#"));
        let last = last.scan_index_forward(false).limit(1).send().await.unwrap();
        assert_eq!(sks(last.items()), ["PARCEL#00002#sms"]);
        let since = query("sk > :from").expression_attribute_values(":from", s("PARCEL#00001#sms"));
        assert_eq!(sks(since.send().await.unwrap().items()), ["PARCEL#00002#sms"]);
    })
    .await;
}

#[tokio::test]
async fn sort_keys_are_ordered_by_their_bytes() {
    contract(here!(), async |world| {
        let table = table_of(&world, &["é", "z", "Z", "10", "9", "😀", "\u{fffd}"]).await;
        let page = table.query("a").send().await.unwrap();
        assert_eq!(sks(page.items()), ["10", "9", "Z", "z", "é", "\u{fffd}", "😀"]);
    })
    .await;
}

#[tokio::test]
async fn a_page_ends_at_one_megabyte() {
    contract(here!(), async |world| {
        let table = Table::new(&world).await;
        for sk in ["1", "2", "3", "4"] {
            table.has(item([("pk", s("a")), ("sk", s(sk)), ("v", s("x".repeat(350_000)))])).await;
        }
        let page = table.query("a").send().await.unwrap();
        assert!(page.last_evaluated_key.is_some());
        assert!(page.count() < 4, "{} items", page.count());
        let rest =
            table.query("a").set_exclusive_start_key(page.last_evaluated_key.clone()).send().await.unwrap();
        assert_eq!(page.count() + rest.count(), 4);
    })
    .await;
}

#[tokio::test]
async fn a_projection_returns_what_it_names() {
    contract(here!(), async |world| {
        let table = table_of(&world, &["1"]).await;
        let page = table.query("a").projection_expression("sk").send().await.unwrap();
        assert_eq!(page.items(), [item([("sk", s("1"))])]);
    })
    .await;
}
