//! Lists of actions and rows, on the embedded engine.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::ScalarAttributeType;
use domain::content::{Body, Content};
use domain::variables::RENDERER_VERSION;
use domain::{BulkActionId, Channel, FailureCode, MessageId, MessageStatus, OrgId, Reason, Timestamp};
use engine::{Engine, EngineOptions};
use ulid::Ulid;

use crate::accept::{Acceptance, Accepted, With};
use crate::action::Action;
use crate::action_list::ActionSpan;
use crate::content::FrozenContent;
use crate::directory::AddressKeys;
use crate::row::{Row, TimelineSpan};
use crate::test_engine::{config, create_table};
use crate::{Store, Tables};

pub(crate) struct World {
    _engine: Engine,
    pub(crate) store: Store,
    pub(crate) org: OrgId,
}

impl World {
    pub(crate) async fn start() -> Self {
        let engine = Engine::start(EngineOptions::default()).unwrap();
        let client = aws_sdk_dynamodb::Client::from_conf(config(&engine.dynamodb_url()).build());
        create_table(&client, "actions", ScalarAttributeType::S, Some(("by-org", "org_key"))).await;
        create_table(&client, "rows", ScalarAttributeType::N, Some(("by-member", "member_key"))).await;
        let tables =
            Tables { directory: "none".into(), bulk_actions: "actions".into(), message_logs: "rows".into() };
        let store = Store::new(client, tables, AddressKeys::new(&[7; 32]).unwrap());
        Self { _engine: engine, store, org: "demo".parse().unwrap() }
    }

    pub(crate) async fn accept(&self, org: &str, secs: i64, random: u128) -> Action {
        let action = action(org.parse().unwrap(), Timestamp::from_secs(secs), random);
        let body = Body::Sms { text: format!("Number {random}") };
        let content = FrozenContent {
            messages: vec![Content { template_id: None, renderer: RENDERER_VERSION, body }],
            receipt_window_s: BTreeMap::new(),
            as_given: serde_json::json!([random.to_string()]),
        };
        let limit = self.store.limit(&action.org_id).await.unwrap().with(Vec::new());
        let with = With::Bulk { limit: &limit, retried: None };
        let acceptance = Acceptance { action: &action, content: &content, key: None, with };
        assert_eq!(self.store.accept(acceptance).await.unwrap(), Accepted::Yes);
        action
    }

    async fn listed(&self, span: ActionSpan, limit: usize) -> Vec<BulkActionId> {
        let actions = self.store.actions(&self.org, span, limit).await.unwrap();
        actions.into_iter().map(|action| action.id).collect()
    }

    async fn timeline(&self, span: TimelineSpan, limit: usize) -> (Vec<Row>, Option<(Timestamp, MessageId)>) {
        self.store.timeline(&self.org, &"m1".parse().unwrap(), span, limit).await.unwrap()
    }
}

fn action(org_id: OrgId, at: Timestamp, random: u128) -> Action {
    let id = BulkActionId::new(Ulid::from_parts(u64::try_from(at.millis()).unwrap(), random));
    Action { targets: 1, total: 1, ..Action::accepted(org_id, id, "u", at) }
}

fn row(chunk: u32, slot: u16, secs: i64) -> Row {
    let id = MessageId { send: Ulid::from_parts(1, 1), chunk, slot };
    let at = Timestamp::from_secs(secs);
    Row::queued("demo".parse().unwrap(), id, "m1".parse().unwrap(), Channel::Sms, at)
}

fn places(rows: &[Row]) -> Vec<(u32, u16)> {
    rows.iter().map(|row| (row.id.chunk, row.id.slot)).collect()
}

#[tokio::test]
async fn actions_are_listed_newest_first_in_parts_and_not_across_organisations() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for (secs, random) in [(100, 1), (100, 2), (200, 1), (300, 1)] {
        ids.push(world.accept("demo", secs, random).await);
    }
    world.accept("other", 250, 1).await;
    let [a, b, c, d] = [0, 1, 2, 3].map(|index| ids[index].position());
    assert_eq!(world.listed(ActionSpan::All, 10).await, [d.id, c.id, b.id, a.id]);
    assert_eq!(world.listed(ActionSpan::All, 1).await, [d.id]);
    assert_eq!(world.listed(ActionSpan::After(c), 10).await, [b.id, a.id]);
    assert_eq!(world.listed(ActionSpan::After(b), 10).await, [a.id], "of the same moment");
    assert_eq!(world.listed(ActionSpan::Between { newest: c, oldest: b }, 10).await, [c.id, b.id]);
    assert_eq!(world.listed(ActionSpan::Between { newest: c, oldest: c }, 10).await, [c.id]);
    assert_eq!(world.listed(ActionSpan::AcceptedBefore(Timestamp::from_secs(200)), 10).await, [b.id, a.id]);
}

#[tokio::test]
async fn contents_are_read_for_many_actions_at_once() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for random in 1..=120 {
        ids.push(world.accept("demo", 100, random).await.id);
    }
    ids.push(BulkActionId::new(Ulid::from_parts(9, 9)));
    let contents = world.store.contents(&world.org, &ids).await.unwrap();
    assert_eq!(contents.len(), 120, "those that exist");
    assert_eq!(contents[&ids[41]].as_given, serde_json::json!(["42"]));
    assert_eq!(world.listed(ActionSpan::All, 120).await.len(), 120, "more than one batch of keys");
}

#[tokio::test]
async fn a_timeline_is_read_in_parts_without_gaps_or_repeats() {
    let world = World::start().await;
    // Ten rows of one moment, whose ids sort as texts, and one before and after.
    let mut rows: Vec<Row> = (5..15).map(|slot| row(0, slot, 100)).collect();
    rows.extend([row(1, 0, 50), row(2, 0, 150)]);
    world.store.create_rows(&rows).await.unwrap();
    rows.sort_by_cached_key(|row| std::cmp::Reverse(row.list_key()));
    let expected = places(&rows);

    for limit in [1, 4, 12, 50] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let (page, more) = world.timeline(TimelineSpan { after, ..TimelineSpan::default() }, limit).await;
            assert!(page.len() <= limit);
            seen.extend(places(&page));
            after = more;
            if more.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "{limit} at a time");
    }
}

#[tokio::test]
async fn a_timeline_is_read_between_two_times() {
    let world = World::start().await;
    world.store.create_rows(&[row(0, 0, 50), row(0, 1, 100), row(0, 2, 150)]).await.unwrap();
    let span = |from, to| TimelineSpan {
        from: Some(Timestamp::from_secs(from)),
        to: Some(Timestamp::from_secs(to)),
        after: None,
    };
    assert_eq!(places(&world.timeline(span(50, 150), 10).await.0), [(0, 1), (0, 0)]);
    assert_eq!(world.timeline(span(100, 100), 10).await.0, []);
    let behind = TimelineSpan { after: Some(row(0, 1, 100).order()), ..span(0, 120) };
    assert_eq!(places(&world.timeline(behind, 10).await.0), [(0, 0)]);
    let past = TimelineSpan { after: Some(row(0, 0, 50).order()), ..span(100, 150) };
    assert_eq!(world.timeline(past, 10).await, (Vec::new(), None));
}

#[tokio::test]
async fn chunks_are_placed_by_their_first_rows() {
    let world = World::start().await;
    world.store.create_rows(&[row(0, 0, 50), row(0, 1, 60), row(7, 0, 40)]).await.unwrap();
    let send = Ulid::from_parts(1, 1);
    let times = world.store.chunk_times(&world.org, &[(send, 0), (send, 7), (send, 8)]).await.unwrap();
    assert_eq!(times.len(), 2);
    assert_eq!(times[&(send, 0)], Timestamp::from_secs(50));
    assert_eq!(times[&(send, 7)], Timestamp::from_secs(40));
}

#[tokio::test]
async fn the_reasons_of_a_chunk_are_those_of_its_failed_and_skipped_rows() {
    let world = World::start().await;
    let reason = Reason::Failed(FailureCode::NoPhone);
    let failed = Row { status: MessageStatus::Failed, reason: Some(reason), ..row(0, 1, 50) };
    world.store.create_rows(&[row(0, 0, 50), failed, row(1, 0, 50)]).await.unwrap();
    let reasons = world.store.reasons_of_chunk(&world.org, Ulid::from_parts(1, 1), 0).await.unwrap();
    assert_eq!(reasons, [reason]);
}
