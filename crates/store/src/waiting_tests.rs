//! What waits: parcels that get their turn, and rows that are rewritten before they leave, on the embedded engine.

use domain::member::Address;
use domain::pace::Load;
use domain::variables::Variable;
use domain::{Channel, MessageId, Timestamp};
use ulid::Ulid;

use crate::list_tests::World;
use crate::parcel::{Again, Claimed, Parcel, Release};
use crate::row::Row;

const SEND: Ulid = Ulid::from_parts(1, 1);

fn secs(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

async fn parcel(world: &World) -> Parcel {
    world.store.parcel(&world.org, SEND, 0, Channel::Sms).await.unwrap().unwrap()
}

async fn claim(world: &World, holder: &str, at: i64) -> Option<Parcel> {
    let claimed = world.store.claim_parcel(&world.org, SEND, 0, Channel::Sms, holder, secs(at));
    match claimed.await.unwrap() {
        Claimed::Won { parcel, .. } => Some(parcel),
        Claimed::Held { .. } | Claimed::NotDue { .. } | Claimed::Done | Claimed::Missing => None,
    }
}

/// With a parcel that is to wait until 1,000 s.
async fn with_parcel() -> World {
    let world = World::start().await;
    let left = Load { messages: 7, units: 9 };
    let parcel = Parcel { due_at: secs(1_000), left, ..Parcel::fresh(0, Channel::Sms, secs(1), secs(1)) };
    world.store.create_parcel(&world.org, SEND, &parcel).await.unwrap();
    world
}

#[tokio::test]
async fn of_two_who_hand_out_a_parcel_one_does_and_it_is_due_when_he_says() {
    let world = with_parcel().await;
    let seen = parcel(&world).await;
    assert!(seen.waits() && seen.left == Load { messages: 7, units: 9 });
    assert_eq!(claim(&world, "early", 50).await, None);
    let hand_out = |at| world.store.hand_out_parcel(&world.org, SEND, &seen, secs(at));
    assert!(hand_out(40).await.unwrap());
    assert!(!hand_out(45).await.unwrap(), "somebody did");
    let now = parcel(&world).await;
    assert!((now.due_at, now.driven_at) == (secs(40), secs(40)) && !now.waits());
    assert!(claim(&world, "worker", 41).await.is_some());
}

#[tokio::test]
async fn a_parcel_in_hand_is_not_handed_out_and_one_given_back_says_what_is_left_of_it() {
    let world = with_parcel().await;
    let seen = parcel(&world).await;
    let claimed = claim(&world, "worker", 1_000).await.unwrap();
    assert!(!world.store.hand_out_parcel(&world.org, SEND, &seen, secs(1_001)).await.unwrap());
    let left = Load { messages: 3, units: 4 };
    let again = Again { at: secs(5_000), queued: false, left, gate1_at: secs(1_000) };
    let release = Release::NextPass(again);
    world.store.release_parcel(&world.org, SEND, &claimed, "worker", release).await.unwrap();
    let now = parcel(&world).await;
    assert!(now.waits());
    assert_eq!((now.left, now.gate1_at, now.not_before), (left, secs(1_000), Some(secs(5_000))));
}

#[tokio::test]
async fn a_row_is_rewritten_under_the_claim_as_long_as_it_is_what_was_read() {
    let world = with_parcel().await;
    let id = MessageId { send: SEND, chunk: 0, slot: 3 };
    let queued = Row::queued(world.org.clone(), id, "m1".parse().unwrap(), Channel::Sms, secs(1));
    let old = Row {
        address: Some(Address::stored("+64211".into())),
        values: [(Variable::OrgName, "St Mark".to_owned())].into(),
        ..queued
    };
    world.store.create_rows(std::slice::from_ref(&old)).await.unwrap();
    let new = Row { address: Some(Address::stored("+64212".into())), values: [].into(), ..old.clone() };
    assert!(!world.store.rewrite_row(&old, &new, "worker").await.unwrap(), "nobody has claimed it");
    claim(&world, "worker", 1_000).await.unwrap();
    assert!(!world.store.rewrite_row(&old, &new, "another").await.unwrap());
    assert!(world.store.rewrite_row(&old, &new, "worker").await.unwrap());
    assert_eq!(world.store.row(&world.org, id).await.unwrap(), Some(new.clone()));
    assert!(!world.store.rewrite_row(&old, &new, "worker").await.unwrap(), "it is another by now");

    world.store.empty_row(&new, secs(1_001)).await.unwrap();
    assert!(!world.store.rewrite_row(&new, &old, "worker").await.unwrap());
    assert_eq!(
        world.store.row(&world.org, id).await.unwrap().unwrap().address,
        None,
        "what is emptied stays so"
    );
}
