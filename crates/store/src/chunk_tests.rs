//! Who counts a chunk that others count or change, too, on the embedded engine.

use aws_sdk_dynamodb::types::ScalarAttributeType;
use domain::{OrgId, Timestamp};
use engine::{Engine, EngineOptions};
use ulid::Ulid;

use crate::action::Saved;
use crate::chunk::{Begun, Chunk, Noted};
use crate::directory::AddressKeys;
use crate::test_engine::{config, create_table};
use crate::{Store, Tables};

const SEND: Ulid = Ulid::from_parts(1, 1);

struct World {
    _engine: Engine,
    store: Store,
    org: OrgId,
}

impl World {
    /// With one chunk, number 0, that has nothing to be counted.
    async fn start() -> Self {
        let engine = Engine::start(EngineOptions::default()).unwrap();
        let client = aws_sdk_dynamodb::Client::from_conf(config(&engine.dynamodb_url()).build());
        create_table(&client, "actions", ScalarAttributeType::S, None).await;
        let tables =
            Tables { directory: "none".into(), bulk_actions: "actions".into(), message_logs: "none".into() };
        let store = Store::new(client, tables, AddressKeys::new(&[7; 32]).unwrap());
        let org: OrgId = "demo".parse().unwrap();
        store.create_chunk(&org, SEND, &Chunk::of_rows(0, &[])).await.unwrap();
        Self { _engine: engine, store, org }
    }

    async fn chunk(&self) -> Chunk {
        self.store.chunk(&self.org, SEND, 0).await.unwrap().unwrap()
    }

    async fn begin(&self, seen: &Chunk, until: i64) -> Option<Begun> {
        self.store.begin_count(&self.org, SEND, seen, Timestamp::from_secs(until)).await.unwrap()
    }

    async fn note(&self, until: i64) -> Noted {
        self.store.note_chunk(&self.org, SEND, 0, Timestamp::from_secs(until)).await.unwrap()
    }

    async fn save(&self, seen: &Chunk, clear: bool) -> Saved {
        self.store.save_counts(&self.org, SEND, seen, seen, clear).await.unwrap()
    }
}

#[tokio::test]
async fn who_counts_alone_takes_his_promise_back() {
    let world = World::start().await;
    let begun = world.begin(&world.chunk().await, 15).await.unwrap();
    assert_eq!((begun.others, begun.chunk.noted_until), (None, Some(Timestamp::from_secs(15))));
    assert_eq!(begun.chunk, world.chunk().await, "it is told as it is");
    assert_eq!(world.save(&begun.chunk, true).await, Saved::Yes);
    assert_eq!(world.chunk().await.noted_until, None);
}

#[tokio::test]
async fn of_two_who_count_neither_takes_the_others_promise_back() {
    for second in [14, 15, 16] {
        let world = World::start().await;
        let seen = world.chunk().await;
        let first = world.begin(&seen, 15).await.unwrap();
        assert_eq!(world.begin(&seen, second).await, None, "{second}: it has seen nothing of the first");
        let second = world.begin(&world.chunk().await, second).await.unwrap();
        assert_eq!(second.others, Some(Timestamp::from_secs(15)));
        assert_eq!(world.save(&first.chunk, true).await, Saved::Stale, "the second still writes");
        assert_eq!(world.save(&second.chunk, false).await, Saved::Yes);
        assert!(world.chunk().await.noted_until >= Some(Timestamp::from_secs(15)), "the first still writes");
    }
}

#[tokio::test]
async fn what_is_promised_meanwhile_is_known_and_stands() {
    let world = World::start().await;
    let seen = world.chunk().await;
    assert_eq!(world.note(35).await, Noted::Yes);
    let begun = world.begin(&seen, 15).await.unwrap();
    let theirs = Some(Timestamp::from_secs(35));
    assert_eq!((begun.others, begun.chunk.noted_until), (theirs, theirs));
    assert_eq!(world.note(50).await, Noted::Yes);
    assert_eq!(world.save(&begun.chunk, true).await, Saved::Stale);
    assert_eq!(world.save(&begun.chunk, false).await, Saved::Yes);
    assert_eq!(world.chunk().await.noted_until, Some(Timestamp::from_secs(50)));
}
