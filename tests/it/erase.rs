//! Erasure of a member, and what their deletion leaves.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use domain::member::Address;
use domain::{Channel, Clock, MessageId, MessageStatus, Timestamp};
use serde_json::{Value, json};
use store::row::{Inbound, Origin, Row, TimelineSpan};
use testing::World;
use usecases::Notes;
use usecases::manage_directory::{Directory, handle};
use wire::api::http::Request;

use crate::support::{arrives, failed_items, inbound, listed, summary};

const MINUTE: Duration = Duration::from_mins(1);

async fn erase(world: &World, id: &str) {
    let reply = world.call("POST /members/{id}/erase", &[("id", id)], json!({})).await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
}

async fn message(world: &World, id: &str) -> Value {
    world.ok("GET /messages/{id}", &[("id", id)], Value::Null).await
}

/// The rows of a member, as the database has them.
async fn timeline(world: &World, member: &str) -> Vec<Row> {
    let member = member.parse().expect("an id");
    world
        .store
        .timeline(&World::org(), &member, TimelineSpan::default(), 1_000)
        .await
        .expect("the engine answers")
        .0
}

#[tokio::test]
async fn rows_of_an_erased_member_keep_their_status_and_lose_address_values_and_text() {
    let world = World::start().await;
    let members = world.members(2).await;
    let id = world.send_sms(&members, "Hi {{member.first_names}}").await;
    let single = json!({ "member_id": "m0", "channel": "sms", "body": "Dear Ana, see you at 5" });
    let single = world.ok("POST /messages", &[], single).await["id"].as_str().unwrap().to_owned();
    world.drain().await;
    world.report(arrives).await;
    world.drain().await;
    world.live(2 * MINUTE).await;
    inbound(&world, 1, Some("m0"), None).await;
    let before = world.action(id).await;

    erase(&world, "m0").await;
    let rows = timeline(&world, "m0").await;
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert!(row.erased && row.address.is_none() && row.values.is_empty(), "{row:?}");
        let view = message(&world, &row.id.to_string()).await;
        assert_eq!(
            (&view["address"], &view["text"], &view["media"]),
            (&json!(null), &json!(null), &json!([]))
        );
        assert_eq!((&view["status"], &view["member_id"]), (&json!("delivered"), &json!("m0")));
        let last = view["history"].as_array().unwrap().last().unwrap()["detail"].clone();
        assert!(last.as_str().unwrap().starts_with("Erased"), "{view}");
    }
    let Origin::Inbound(inbound) =
        &rows.iter().find(|row| matches!(row.origin, Origin::Inbound(_))).unwrap().origin
    else {
        unreachable!()
    };
    assert_eq!((inbound.text.as_str(), inbound.media.len()), ("", 0));
    let single: MessageId = single.parse().unwrap();
    let content =
        world.store.content(&World::org(), domain::BulkActionId::new(single.send)).await.unwrap().unwrap();
    assert!(!format!("{content:?}").contains("Dear Ana"), "what was written to them alone is gone, too");

    assert_eq!(world.action(id).await, before, "counts stay");
    let other = timeline(&world, "m1").await;
    assert!(!other[0].erased && other[0].address.is_some(), "others keep theirs");
    assert_eq!(world.call("GET /members/{id}", &[("id", "m0")], Value::Null).await.status, 404);
}

#[tokio::test]
async fn rows_of_an_erased_member_that_wait_fail_and_are_counted() {
    let world = World::start().await;
    let members = world.members(3).await;
    let id = world.send_sms(&members, "Hi {{member.first_names}}").await;
    world.drain_one("send-message").await;
    erase(&world, "m1").await;
    assert_eq!(timeline(&world, "m1").await[0].status, MessageStatus::Failed);
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(
        summary(&world.action(id).await),
        ("delegated".into(), [0, 1, 0, 0, 2]),
        "it is counted at once"
    );

    world.drain().await;
    assert_eq!(world.provider.calls().len(), 2, "nothing is sent to them");
    world.report(arrives).await;
    world.drain().await;
    world.live(2 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("partial".into(), [2, 1, 0, 0, 0]));
    assert_eq!(failed_items(&world, id).await, [("m1".to_owned(), "member_not_found".to_owned())].into());
}

#[tokio::test]
async fn a_row_that_a_worker_has_in_hand_fails_when_its_turn_comes() {
    let world = World::start().await;
    let members = world.members(2).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain_one("send-message").await;
    let claimed = world
        .store
        .claim_parcel(&World::org(), id.ulid(), 0, Channel::Sms, "another worker", world.clock.now())
        .await
        .unwrap();
    assert!(matches!(claimed, store::parcel::Claimed::Won { .. }));
    erase(&world, "m1").await;
    let row = &timeline(&world, "m1").await[0];
    assert_eq!((row.status, row.erased), (MessageStatus::Queued, true), "it may be on its way");

    // That worker is never heard of again.
    world.work_is_lost();
    world.live(10 * MINUTE).await;
    assert_eq!(world.provider.calls().len(), 1);
    assert_eq!(failed_items(&world, id).await, [("m1".to_owned(), "member_not_found".to_owned())].into());
}

#[tokio::test]
async fn erasing_again_and_erasing_whom_nobody_knows_changes_nothing() {
    let world = World::start().await;
    let members = world.members(1).await;
    world.send_sms(&members, "Hi").await;
    world.drain().await;
    erase(&world, "m0").await;
    let once = timeline(&world, "m0").await;
    world.clock.advance(MINUTE);
    erase(&world, "m0").await;
    assert_eq!(timeline(&world, "m0").await, once);
    erase(&world, "nobody").await;
    let body = world.call("POST /members/{id}/erase", &[("id", "m0")], json!({ "really": true })).await;
    assert_eq!(body.status, 422);
}

#[tokio::test]
async fn a_deleted_member_keeps_their_messages_until_they_are_erased() {
    let world = World::start().await;
    let members = world.members(1).await;
    world.send_sms(&members, "Hi {{member.first_names}}").await;
    world.drain().await;
    world.report(arrives).await;
    world.drain().await;
    let before = listed(&world, "member_id=m0").await;
    world.ok("DELETE /members/{id}", &[("id", "m0")], Value::Null).await;
    assert_eq!(listed(&world, "member_id=m0").await, before, "the log stays as it is");
    assert_eq!((&before[0]["text"], &before[0]["address"]), (&json!("Hi Ana0"), &json!("+64211000000")));

    erase(&world, "m0").await;
    let after = listed(&world, "member_id=m0").await;
    assert_eq!((&after[0]["text"], &after[0]["address"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn opt_outs_outlive_an_erasure() {
    let world = World::start().await;
    let members = world.members(1).await;
    world.ok("PUT /members/{id}/opt-outs/{channel}", &[("id", "m0"), ("channel", "sms")], json!({})).await;
    erase(&world, "m0").await;
    world.member("again", json!({ "first_names": "Ana", "primary_phone": "+64211000000" })).await;
    let id = world.send_sms(&[members[0].clone(), "again".into()], "Hi").await;
    world.drain().await;
    let expected = [("again", "opted_out"), ("m0", "member_not_found")];
    assert_eq!(failed_items(&world, id).await, expected.map(|(m, c)| (m.to_owned(), c.to_owned())).into());
    world.live(2 * MINUTE).await;
}

/// Work that is stopped when it has been taken up so many times, as a function that is killed.
struct Stopped<F>(Pin<Box<F>>, usize);

impl<F: Future> Future for Stopped<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.1 == 0 {
            return Poll::Ready(None);
        }
        self.1 -= 1;
        self.0.as_mut().poll(context).map(Some)
    }
}

#[tokio::test]
async fn an_erasure_that_is_stopped_anywhere_is_finished_by_repeating_it() {
    const MEMBERS: usize = 40;
    let world = World::start().await;
    let members = world.members(MEMBERS).await;
    let id = world.send_sms(&members, "Hi {{member.first_names}}").await;
    for (number, member) in members.iter().enumerate() {
        let single = json!({ "member_id": member, "channel": "sms", "body": "Dear Ana, see you at 5" });
        world.ok("POST /messages", &[], single).await;
        inbound(&world, u128::try_from(number).unwrap(), Some(member), None).await;
    }
    world.drain_one("send-message").await;
    let mut stopped = 0;
    for (number, member) in members.iter().enumerate() {
        let path = [("id", member.as_str())];
        let call = world.call("POST /members/{id}/erase", &path, json!({}));
        stopped += usize::from(Stopped(Box::pin(call), 1 + number * 2).await.is_none());
        erase(&world, member).await;
        let rows = timeline(&world, member).await;
        assert_eq!(rows.len(), 3);
        for row in rows {
            assert!(row.erased && row.address.is_none() && row.values.is_empty(), "{member}: {row:?}");
            let content =
                world.store.content(&World::org(), domain::BulkActionId::new(row.id.send)).await.unwrap();
            assert!(!format!("{content:?}").contains("Dear Ana"), "{member}");
        }
    }
    assert!(stopped > MEMBERS / 4, "only {stopped} were stopped");
    world.live(5 * MINUTE).await;
    assert!(world.provider.calls().is_empty(), "nothing is sent to any of them");
    assert_eq!(summary(&world.action(id).await), ("failed".into(), [0, 40, 0, 0, 0]), "all of it is counted");
}

/// A clock on which each look takes five seconds.
struct SlowWork(AtomicI64);

impl Clock for SlowWork {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(5_000, Ordering::SeqCst))
    }
}

#[tokio::test]
async fn an_erasure_that_takes_too_long_goes_on_when_it_is_repeated() {
    let world = World::start().await;
    let start = world.clock.millis();
    let rows: Vec<Row> = (0..350).map(|number| received(number, start)).collect();
    world.store.create_rows(&rows).await.unwrap();
    let caller = domain::permission::Caller {
        sub: "u".into(),
        org_id: World::org(),
        permissions: domain::permission::Caller::parse_permissions("members.edit"),
    };
    let request = Request {
        route: "POST /members/{id}/erase".into(),
        path: [("id".to_owned(), "m0".to_owned())].into(),
        caller: Some(caller),
        ..Request::default()
    };
    let left = || async { timeline(&world, "m0").await.iter().filter(|row| !row.erased).count() };
    let mut before = left().await;
    for attempt in 1.. {
        let clock = Arc::new(SlowWork(AtomicI64::new(start)));
        let directory = Directory { store: world.store.clone(), clock, notes: Notes::default() };
        let reply = handle(&directory, &request).await;
        if reply.status == 204 {
            assert!(attempt > 1, "one call was not enough");
            break;
        }
        assert_eq!(reply.status, 503);
        assert!(reply.headers.iter().any(|(name, _)| name == "retry-after"), "{:?}", reply.headers);
        let now = left().await;
        assert!(now < before, "it went on");
        before = now;
    }
    assert_eq!(left().await, 0);
}

/// What m0 wrote, `number` minutes before `at`.
fn received(number: u32, at: i64) -> Row {
    let at = Timestamp::from_millis(at - i64::from(number) * 60_000);
    let ulid = ulid::Ulid::from_parts(u64::try_from(at.millis()).expect("after 1970"), u128::from(number));
    let id = MessageId { send: ulid, chunk: 0, slot: 0 };
    let inbound = Inbound { text: "Thank you".into(), ..Inbound::default() };
    Row {
        origin: Origin::Inbound(Box::new(inbound)),
        status: MessageStatus::Delivered,
        address: Some(Address::stored("+64211000000".into())),
        ..Row::queued(World::org(), id, "m0".parse().expect("an id"), Channel::Sms, at)
    }
}
