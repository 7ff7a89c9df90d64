//! Who erases a row that waits, while a dispatcher takes up its parcel, on the embedded engine.

use domain::pace::Load;
use domain::{Channel, FailureCode, MessageId, MessageStatus, Reason, Timestamp};
use ulid::Ulid;

use crate::list_tests;
use crate::parcel::{Again, Claimed, Held, Mark, Parcel, Release};
use crate::row::Row;

const SEND: Ulid = Ulid::from_parts(1, 1);
const ID: MessageId = MessageId { send: SEND, chunk: 0, slot: 3 };

struct World(list_tests::World);

impl World {
    /// With one row that waits, and its parcel.
    async fn start() -> Self {
        let world = Self::without_parcel().await;
        world.create_parcel().await;
        world
    }

    async fn without_parcel() -> Self {
        let world = list_tests::World::start().await;
        let row =
            Row::queued(world.org.clone(), ID, "m1".parse().unwrap(), Channel::Sms, Timestamp::from_secs(1));
        world.store.create_rows(&[row]).await.unwrap();
        Self(world)
    }

    async fn create_parcel(&self) {
        let parcel = Parcel::fresh(0, Channel::Sms, Timestamp::from_secs(1), Timestamp::from_secs(1));
        self.0.store.create_parcel(&self.0.org, SEND, &parcel).await.unwrap();
    }

    async fn row(&self) -> Row {
        self.0.store.row(&self.0.org, ID).await.unwrap().unwrap()
    }

    async fn parcel(&self) -> Option<Parcel> {
        self.0.store.parcel(&self.0.org, SEND, 0, Channel::Sms).await.unwrap()
    }

    async fn claim(&self, holder: &str) -> Parcel {
        let now = Timestamp::from_secs(2);
        match self.0.store.claim_parcel(&self.0.org, SEND, 0, Channel::Sms, holder, now).await.unwrap() {
            Claimed::Won { parcel, .. } => parcel,
            other => panic!("{other:?}"),
        }
    }

    async fn move_mark(&self, parcel: &Parcel, holder: &str) {
        let (store, org) = (&self.0.store, &self.0.org);
        let mark = Mark { slot: 4, left: Load::default() };
        let held = store.move_mark(org, SEND, parcel, holder, mark, Timestamp::from_secs(3));
        let held = held.await.unwrap();
        assert_eq!(held, Held::Yes);
    }

    async fn release(&self, parcel: &Parcel, holder: &str, release: Release) {
        let (store, org) = (&self.0.store, &self.0.org);
        assert_eq!(store.release_parcel(org, SEND, parcel, holder, release).await.unwrap(), Held::Yes);
    }

    async fn fail(&self, row: &Row, seen: Option<&Parcel>) -> bool {
        let (code, at) = (FailureCode::MemberNotFound, Timestamp::from_secs(9));
        self.0.store.fail_and_empty_row(row, seen, code, at).await.unwrap()
    }
}

fn at(secs: i64) -> Again {
    let at = Timestamp::from_secs(secs);
    Again { at, queued: true, left: Load::default(), gate1_at: Timestamp::from_secs(1) }
}

#[tokio::test]
async fn a_row_that_waits_is_emptied_and_fails_once() {
    let world = World::start().await;
    let (row, parcel) = (world.row().await, world.parcel().await);
    assert!(world.fail(&row, parcel.as_ref()).await);
    let failed = world.row().await;
    assert_eq!((failed.status, failed.erased), (MessageStatus::Failed, true));
    assert_eq!(failed.reason, Some(Reason::Failed(FailureCode::MemberNotFound)));
    assert!(!world.fail(&row, parcel.as_ref()).await);
    assert_eq!(world.row().await, failed);
}

#[tokio::test]
async fn a_row_whose_parcel_was_taken_up_since_it_was_looked_at_is_not_failed() {
    let world = World::start().await;
    let (row, seen) = (world.row().await, world.parcel().await);
    let claimed = world.claim("dispatcher").await;
    assert!(!world.fail(&row, seen.as_ref()).await, "the dispatcher may read the row before it is emptied");
    world.move_mark(&claimed, "dispatcher").await;
    assert!(!world.fail(&row, seen.as_ref()).await, "the provider may have been called");
    world.release(&claimed, "dispatcher", Release::Later(at(5))).await;
    assert!(!world.fail(&row, seen.as_ref()).await, "the provider may have taken it");
    assert_eq!(world.row().await, row);
}

#[tokio::test]
async fn a_row_whose_parcel_was_given_back_as_it_was_fails() {
    let world = World::start().await;
    let (row, seen) = (world.row().await, world.parcel().await);
    let claimed = world.claim("dispatcher").await;
    world.release(&claimed, "dispatcher", Release::Later(at(5))).await;
    assert!(world.fail(&row, seen.as_ref()).await);
}

#[tokio::test]
async fn a_row_whose_parcel_went_on_to_another_pass_is_not_failed() {
    let world = World::start().await;
    let (row, seen) = (world.row().await, world.parcel().await);
    let claimed = world.claim("dispatcher").await;
    world.release(&claimed, "dispatcher", Release::NextPass(at(5))).await;
    assert!(!world.fail(&row, seen.as_ref()).await);
}

#[tokio::test]
async fn a_row_whose_parcel_came_since_it_was_looked_for_is_not_failed() {
    let world = World::without_parcel().await;
    let row = world.row().await;
    world.create_parcel().await;
    assert!(!world.fail(&row, None).await);
    let world = World::without_parcel().await;
    assert!(world.fail(&world.row().await, None).await);
}
