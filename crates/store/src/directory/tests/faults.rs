//! One fault at every call, then the same call again: nothing is half done.

use domain::opt_out::{Change, Source};
use domain::{Channel, MemberId};
use serde_json::json;

use super::world::{COUNTRY, World, at, channels, parse, phone};
use crate::directory::MemberWrite;

const HOME: &str = "+442079460018";
/// More than go into one transaction with their address.
const HOUSEHOLD: usize = 86;

async fn household() -> World {
    let world = World::start().await;
    let writes = (0..HOUSEHOLD).map(|i| MemberWrite::Put(parse(phone(&format!("m{i}"), HOME)))).collect();
    world.store.write_members(&world.org, writes, COUNTRY, at(1)).await.unwrap();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_whose_call_died_anywhere_is_finished_by_the_next() {
    let world = household().await;
    let ids: Vec<MemberId> = (0..HOUSEHOLD).map(|i| format!("m{i}").parse().unwrap()).collect();
    let hash = world.hash(HOME);
    let mut secs = 10;
    for call in 1.. {
        secs += 1_000;
        world.lose_answer(call);
        let stop = |now| {
            world.store.opt_out_address(&world.org, Channel::Sms, &hash, Source::Keyword, at(secs), now)
        };
        let first = stop(at(secs)).await;
        if !world.fault_happened() {
            assert!(first.is_ok());
            assert!(call > 3, "the household needs more than one transaction");
            break;
        }
        assert!(first.is_err(), "call {call}");
        let again = at(secs + 500);
        assert!(stop(again).await.unwrap().is_out);
        let members = world.store.members_by_id(&world.org, &ids, COUNTRY).await.unwrap();
        assert!(members.values().all(|stored| stored.opted_out.contains(&Channel::Sms)), "after call {call}");
        world.check_copies(&[HOME]).await;

        world.begin(HOME, Channel::Sms, secs + 600).await;
        world.check_copies(&[HOME]).await;
    }
}

// Rows written after a half-done opt-out may have seen old copies, and gate 2 looks back only to them.
#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_that_is_finished_later_is_logged_later() {
    let world = household().await;
    let (m85, hash) = ("m85".parse().unwrap(), world.hash(HOME));
    // The first call reads the address, the second is the transaction, the third a copy.
    world.lose_answer(3);
    let stop =
        |now| world.store.opt_out_address(&world.org, Channel::Sms, &hash, Source::Keyword, at(10), now);
    assert!(stop(at(10)).await.is_err());
    stop(at(500)).await.unwrap();
    let since = world.store.opt_outs_since(&world.org, at(400)).await.unwrap();
    assert!(since.has_opted_out(Channel::Sms, Some(&m85), &hash));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_by_the_api_whose_call_died_anywhere_is_finished_by_the_next() {
    for call in 1.. {
        let world = World::start().await;
        world.put(json!({"id": "m1", "primary_phone": HOME, "secondary_phone": "+442079460019"})).await;
        world.put(phone("m2", HOME)).await;
        let m1 = "m1".parse().unwrap();
        let change = Change::Out { source: Source::Api, at: at(10) };
        let put = || world.store.change_member(&world.org, Channel::Sms, &m1, change, COUNTRY, at(10));
        world.lose_answer(call);
        if put().await.is_ok() {
            assert!(call > 4);
            break;
        }
        assert!(put().await.unwrap().unwrap().is_out);
        for id in ["m1", "m2"] {
            assert_eq!(world.opted_out(id).await, channels(&[Channel::Sms]), "{id} after call {call}");
        }
        world.check_copies(&[HOME, "+442079460019"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_members_write_is_whole_or_not_at_all() {
    for call in 1.. {
        let world = World::start().await;
        world.put(phone("m1", HOME)).await;
        world.stop(HOME, Channel::Sms, 1).await;
        let moved = parse(json!({"id": "m1", "primary_phone": "+442079460019", "email": "a@example.org"}));
        let put = || world.store.put_member(&world.org, moved.clone(), COUNTRY, at(2));
        world.lose_answer(call);
        if put().await.is_ok() {
            assert!(call > 3);
            break;
        }
        world.check_copies(&[HOME, "+442079460019", "a@example.org"]).await;
        put().await.unwrap();
        world.check_copies(&[HOME, "+442079460019", "a@example.org"]).await;
        assert_eq!(world.opted_out("m1").await, channels(&[]));
    }
}

// A table restored from a backup may disagree with itself; an opt-out has to be recorded all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_lists_a_member_who_is_not_there_can_be_opted_out() {
    let world = household().await;
    let m5: MemberId = "m5".parse().unwrap();
    let key = (crate::keys::member(&world.org, &m5), m5.to_string());
    world.store.delete_directory_item(&key.0, &key.1).await.unwrap();
    assert!(world.stop(HOME, Channel::Sms, 5).await.is_out);
    world.check_copies(&[HOME]).await;
}
