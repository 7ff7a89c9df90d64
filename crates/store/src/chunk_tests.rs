//! Who counts what others count or change, too, on the embedded engine.

use domain::Timestamp;
use ulid::Ulid;

use crate::action::Saved;
use crate::chunk::{Begun, Chunk, Noted};
use crate::list_tests;

const SEND: Ulid = Ulid::from_parts(1, 1);

struct World(list_tests::World);

impl World {
    /// With one chunk, number 0, that has nothing to be counted.
    async fn start() -> Self {
        let world = list_tests::World::start().await;
        world.store.create_chunk(&world.org, SEND, &Chunk::of_rows(0, &[])).await.unwrap();
        Self(world)
    }

    async fn chunk(&self) -> Chunk {
        self.0.store.chunk(&self.0.org, SEND, 0).await.unwrap().unwrap()
    }

    async fn begin(&self, seen: &Chunk, until: i64) -> Option<Begun> {
        self.0.store.begin_count(&self.0.org, SEND, seen, Timestamp::from_secs(until)).await.unwrap()
    }

    async fn note(&self, until: i64) -> Noted {
        self.0.store.note_chunk(&self.0.org, SEND, 0, Timestamp::from_secs(until)).await.unwrap()
    }

    async fn save(&self, seen: &Chunk, clear: bool) -> Saved {
        self.0.store.save_counts(&self.0.org, SEND, seen, seen, clear).await.unwrap()
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

#[tokio::test]
async fn who_looks_at_an_action_saves_nothing_over_a_note_that_came_meanwhile() {
    let world = list_tests::World::start().await;
    let id = world.accept("demo", 100, 1).await.id;
    for (due, made_due) in [(None, 200), (Some(200), 150), (Some(100), 150)] {
        let mut action = world.store.action(&world.org, id).await.unwrap().unwrap();
        action.due_at = due.map(Timestamp::from_secs);
        assert_eq!(world.store.save_action(&mut action).await.unwrap(), Saved::Yes);
        let mut seen = world.store.action(&world.org, id).await.unwrap().unwrap();
        world.store.make_due(&world.org, id, Timestamp::from_secs(made_due)).await.unwrap();
        seen.due_at = None;
        assert_eq!(world.store.save_action(&mut seen).await.unwrap(), Saved::Stale);
        let now = world.store.action(&world.org, id).await.unwrap().unwrap();
        let soonest = due.map_or(made_due, |due| due.min(made_due));
        assert_eq!(now.due_at, Some(Timestamp::from_secs(soonest)), "due at {due:?}, made due at {made_due}");
    }
}
