use domain::opt_out::{Change, Lifter, Source};
use domain::{Channel, MemberId};
use serde_json::json;

use super::world::{COUNTRY, World, at, channels, phone};
use crate::directory::{Recorded, Scope};

const HOME: &str = "+442079460018";
const MOBILE: &str = "+442079460019";

/// What the API lists: channel, source, seconds, scope.
async fn listed(world: &World, id: &str) -> Vec<(Channel, Source, i64, Scope)> {
    let all = world.store.member_opt_outs(&world.org, &id.parse().unwrap(), COUNTRY).await.unwrap().unwrap();
    all.into_iter().map(|one| (one.channel, one.opt_out.source, one.opt_out.at.secs(), one.scope)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_holds_for_all_who_have_the_address_now_or_later() {
    let world = World::start().await;
    world.put(phone("m1", HOME)).await;
    world.put(phone("m2", "020 7946 0018")).await;
    let recorded = world.stop(HOME, Channel::Sms, 1).await;
    assert_eq!(recorded, Recorded { was_out: false, is_out: true });
    world.put(phone("m3", HOME)).await;
    for id in ["m1", "m2", "m3"] {
        assert_eq!(world.opted_out(id).await, channels(&[Channel::Sms]), "{id}");
        assert_eq!(listed(&world, id).await, [(Channel::Sms, Source::Keyword, 1, Scope::Address)]);
    }
    world.put(phone("m3", MOBILE)).await;
    assert_eq!(world.opted_out("m3").await, channels(&[]));
    world.check_copies(&[HOME, MOBILE]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_of_an_unknown_address_waits_for_who_gets_it() {
    let world = World::start().await;
    world.stop(HOME, Channel::WhatsApp, 1).await;
    world.put(phone("m1", HOME)).await;
    assert_eq!(world.opted_out("m1").await, channels(&[Channel::WhatsApp]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_change_that_comes_late_changes_nothing() {
    let world = World::start().await;
    world.put(phone("m1", HOME)).await;
    world.begin(HOME, Channel::Sms, 5).await;
    assert_eq!(world.stop(HOME, Channel::Sms, 4).await, Recorded { was_out: false, is_out: false });
    assert_eq!(world.opted_out("m1").await, channels(&[]));
    assert!(world.stop(HOME, Channel::Sms, 5).await.is_out, "at the same time the opt-out wins");
    assert_eq!(world.opted_out("m1").await, channels(&[Channel::Sms]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_opts_out_the_member_and_all_their_addresses() {
    let world = World::start().await;
    world
        .put(json!({"id": "m1", "primary_phone": HOME, "secondary_phone": MOBILE, "email": "a@example.org"}))
        .await;
    world.put(phone("m2", HOME)).await;
    world.put(phone("m3", MOBILE)).await;
    assert_eq!(world.api("m1", Channel::Sms, true, 1).await, Some(Recorded { was_out: false, is_out: true }));
    for id in ["m1", "m2", "m3"] {
        assert_eq!(world.opted_out(id).await, channels(&[Channel::Sms]), "{id}");
    }
    assert_eq!(listed(&world, "m1").await, [(Channel::Sms, Source::Api, 1, Scope::Member)]);
    assert_eq!(listed(&world, "m2").await, [(Channel::Sms, Source::Api, 1, Scope::Address)]);

    world.put(phone("m1", "+442079460077")).await;
    assert_eq!(world.opted_out("m1").await, channels(&[Channel::Sms]), "it is the member's own");
    assert_eq!(world.api("m1", Channel::Sms, true, 2).await, Some(Recorded { was_out: true, is_out: true }));
    assert_eq!(world.api("none", Channel::Sms, true, 1).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn start_lifts_what_the_api_set_on_the_member_and_the_address() {
    let world = World::start().await;
    world.put(phone("m1", HOME)).await;
    world.api("m1", Channel::Sms, true, 1).await;
    world.api("m1", Channel::WhatsApp, true, 1).await;
    assert_eq!(world.begin(HOME, Channel::Sms, 2).await, Recorded { was_out: true, is_out: false });
    assert_eq!(world.opted_out("m1").await, channels(&[Channel::WhatsApp]), "one channel is not another");
    assert_eq!(listed(&world, "m1").await, [(Channel::WhatsApp, Source::Api, 1, Scope::Member)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_lifts_a_stop_but_never_a_complaint() {
    let world = World::start().await;
    world.put(json!({"id": "m1", "primary_phone": HOME, "email": "a@example.org"})).await;
    world.stop(HOME, Channel::Sms, 1).await;
    world.api("m1", Channel::Sms, false, 2).await;
    assert_eq!(world.opted_out("m1").await, channels(&[]));

    let hash = world.hash("a@example.org");
    world
        .store
        .opt_out_address(&world.org, Channel::Email, &hash, Source::Complaint, at(1), at(1))
        .await
        .unwrap();
    world.api("m1", Channel::Email, true, 2).await;
    world.api("m1", Channel::Email, false, 3).await;
    assert_eq!(world.opted_out("m1").await, channels(&[Channel::Email]));
    assert_eq!(listed(&world, "m1").await, [(Channel::Email, Source::Complaint, 1, Scope::Address)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_gate_2_what_changed_since() {
    let world = World::start().await;
    world.put(phone("m1", HOME)).await;
    world.put(phone("m2", MOBILE)).await;
    world.stop(HOME, Channel::Sms, 10).await;
    world.api("m2", Channel::Sms, true, 20).await;
    world.stop(HOME, Channel::Sms, 25).await;
    let (m1, m2): (MemberId, MemberId) = ("m1".parse().unwrap(), "m2".parse().unwrap());
    let (home, mobile) = (world.hash(HOME), world.hash(MOBILE));

    let all = world.store.opt_outs_since(&world.org, at(10)).await.unwrap();
    assert!(all.has_opted_out(Channel::Sms, Some(&m1), &home));
    assert!(all.has_opted_out(Channel::Sms, Some(&m2), &home));
    assert!(all.has_opted_out(Channel::Sms, Some(&m1), &mobile), "the API opts out the addresses too");
    assert!(!all.has_opted_out(Channel::WhatsApp, Some(&m1), &home));
    let later = world.store.opt_outs_since(&world.org, at(11)).await.unwrap();
    assert!(
        !later.has_opted_out(Channel::Sms, Some(&m1), &home),
        "a second stop changes nothing and is not logged"
    );
    assert!(later.has_opted_out(Channel::Sms, Some(&m2), &home));

    world.begin(MOBILE, Channel::Sms, 30).await;
    let lifted = world.store.opt_outs_since(&world.org, at(11)).await.unwrap();
    assert!(!lifted.has_opted_out(Channel::Sms, Some(&m2), &mobile));
    let other = "other".parse().unwrap();
    assert!(world.store.opt_outs_since(&other, at(0)).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_through_a_member_of_an_organisation_that_moved_reaches_the_new_number() {
    let world = World::start().await;
    world.put(phone("m1", "021 555 0100")).await;
    world.put(json!({"id": "m2", "primary_phone": "+64215550100"})).await;
    let change = Change::Out { source: Source::Api, at: at(1) };
    let m1 = "m1".parse().unwrap();
    world.store.change_member(&world.org, Channel::Sms, &m1, change, "NZ", at(1)).await.unwrap().unwrap();
    assert_eq!(world.opted_out("m2").await, channels(&[Channel::Sms]));
    let lift = Change::In { by: Lifter::Api, at: at(2) };
    world.store.change_member(&world.org, Channel::Sms, &m1, lift, "NZ", at(2)).await.unwrap().unwrap();
    assert_eq!(world.opted_out("m2").await, channels(&[]));
}
