//! Live progress: counts of an action in flight are at most 5 seconds old, at a bounded cost however many watch.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use testing::World;

use crate::support::{arrives, settle, summary};

#[tokio::test]
async fn counts_that_somebody_watches_are_at_most_five_seconds_old() {
    let world = World::start().await;
    let members = world.members(30).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.action(id).await;
    world.report(arrives).await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(4));
    let young = world.action(id).await;
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(summary(&world.action(id).await).1, [30, 0, 0, 0, 0]);
    let now = domain::Clock::now(world.clock.as_ref());
    for action in [young, world.action(id).await] {
        let counted: domain::Timestamp = action["reconciled_at"].as_str().unwrap().parse().unwrap();
        assert!(now.since(counted) <= Duration::from_secs(5), "{counted}");
    }
    settle(&world).await;
}

#[tokio::test]
async fn of_a_hundred_who_watch_one_counts() {
    let world = World::start().await;
    let members = world.members(250).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(10));
    let org = World::org();
    let before = world.store.action(&org, id).await.unwrap().unwrap().version;
    let seen = join_all((0..100).map(|_| world.action(id))).await;
    let after = world.store.action(&org, id).await.unwrap().unwrap().version;
    assert_eq!(after - before, 2, "one claim to count, one count");
    assert!(seen.iter().all(|action| action["total"] == json!(250)));
    world.clock.advance(Duration::from_secs(4));
    join_all((0..100).map(|_| world.action(id))).await;
    assert_eq!(
        world.store.action(&org, id).await.unwrap().unwrap().version,
        after,
        "nobody counts again so soon"
    );
    settle(&world).await;
}
