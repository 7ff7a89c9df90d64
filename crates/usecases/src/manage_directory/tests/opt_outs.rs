use domain::opt_out::{Change, Keyword, Source};
use domain::{Channel, Clock as _};
use serde_json::{Value, json};

use crate::opt_out::{record, record_keyword};
use crate::test_directory::{World, address, org, set_up};

const PHONE: &str = "+442079460018";

async fn household() -> World {
    let world = World::start().await;
    set_up(&world).await;
    for id in ["m1", "m2"] {
        world
            .call(
                &format!("PUT /members/{id}"),
                json!({"primary_phone": "020 7946 0018", "email": "Ana@example.org"}),
            )
            .await;
    }
    world
}

async fn say(world: &World, keyword: Keyword, secs: i64) -> Option<Keyword> {
    world.at(secs);
    let (store, clock) = (&world.store, world.clock.as_ref());
    let at = store.first_seen(&org(), Channel::Sms, &format!("SM{secs}"), clock.now()).await.unwrap();
    let heard =
        record_keyword(store, clock, &org(), Channel::Sms, &address(PHONE), at, keyword).await.unwrap();
    heard.map(|heard| heard.keyword)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_call_does_not_overwrite_what_was_said_since() {
    let world = household().await;
    say(&world, Keyword::Start, 10).await;
    say(&world, Keyword::Stop, 20).await;
    world.at(30);
    let (store, clock) = (&world.store, world.clock.as_ref());
    let (start, at) =
        (Keyword::Start, store.first_seen(&org(), Channel::Sms, "SM10", clock.now()).await.unwrap());
    record_keyword(store, clock, &org(), Channel::Sms, &address(PHONE), at, start).await.unwrap();
    let known = store.address(&org(), &store.address_hash(&org(), &address(PHONE))).await.unwrap();
    assert!(known.opt_outs.is_out(Channel::Sms), "the START of before the STOP came again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_is_set_listed_and_lifted() {
    let world = household().await;
    world.at(1_764_000_100);
    let (status, set) = world.call("PUT /members/m1/opt-outs/sms", json!({})).await;
    let expected =
        json!({"channel": "sms", "source": "api", "at": "2025-11-24T16:01:40.000Z", "scope": "member"});
    assert_eq!((status, set), (201, expected.clone()));
    assert_eq!(
        world.call("GET /members/m1/opt-outs", Value::Null).await.1,
        json!({"items": [expected], "next_cursor": null})
    );
    assert_eq!(world.call("PUT /members/m1/opt-outs/sms", json!({})).await.0, 200);
    let (_, of_other) = world.call("GET /members/m2/opt-outs", Value::Null).await;
    assert_eq!(of_other["items"][0]["scope"], "address", "they share the phone");

    world.at(1_764_000_200);
    assert_eq!(world.call("DELETE /members/m1/opt-outs/sms", Value::Null).await, (204, Value::Null));
    assert_eq!(world.call("DELETE /members/m1/opt-outs/sms", Value::Null).await, (204, Value::Null));
    assert!(!world.is_out("m1", Channel::Sms).await && !world.is_out("m2", Channel::Sms).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_has_no_opt_outs() {
    let world = household().await;
    for call in [
        "GET /members/none/opt-outs",
        "PUT /members/none/opt-outs/sms",
        "DELETE /members/none/opt-outs/sms",
        "PUT /members/m1/opt-outs/fax",
        "DELETE /members/a%20b/opt-outs/sms",
    ] {
        assert_eq!(world.call(call, json!({})).await.0, 404, "{call}");
    }
    let foreign = world.call_as("other", "members.edit", "PUT /members/m1/opt-outs/sms", json!({})).await;
    assert_eq!(foreign.0, 404);
    assert_eq!(world.call("PUT /members/m1/opt-outs/sms", json!({"at": "now"})).await.0, 422);
    assert!(!world.is_out("m1", Channel::Sms).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_stays_when_the_api_lifts_what_it_can() {
    let world = household().await;
    let complaint = Change::Out { source: Source::Complaint, at: domain::Timestamp::from_secs(1) };
    let mail = address("ana@example.org");
    record(&world.store, world.clock.as_ref(), &org(), Channel::Email, &mail, complaint).await.unwrap();
    assert_eq!(world.call("DELETE /members/m1/opt-outs/email", Value::Null).await.0, 204);
    let (_, list) = world.call("GET /members/m1/opt-outs", Value::Null).await;
    assert_eq!(list["items"][0]["source"], "complaint");
    assert!(world.is_out("m2", Channel::Email).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_and_start_hold_for_everybody_who_has_the_phone() {
    let world = household().await;
    assert_eq!(say(&world, Keyword::Stop, 1_764_000_300).await, Some(Keyword::Stop));
    assert!(world.is_out("m1", Channel::Sms).await && world.is_out("m2", Channel::Sms).await);
    assert!(!world.is_out("m1", Channel::WhatsApp).await);
    assert_eq!(say(&world, Keyword::Start, 1_764_000_301).await, Some(Keyword::Start));
    assert!(!world.is_out("m1", Channel::Sms).await && !world.is_out("m2", Channel::Sms).await);
    assert_eq!(say(&world, Keyword::Help, 1_764_000_302).await, Some(Keyword::Help));
}

#[tokio::test(flavor = "multi_thread")]
async fn yes_is_an_answer_unless_the_address_is_opted_out() {
    let world = household().await;
    assert_eq!(say(&world, Keyword::Yes, 1_764_000_300).await, None);
    say(&world, Keyword::Stop, 1_764_000_301).await;
    assert_eq!(say(&world, Keyword::Yes, 1_764_000_302).await, Some(Keyword::Start));
    assert!(!world.is_out("m1", Channel::Sms).await);
    world.at(1_764_000_303);
    world.call("PUT /members/m1/opt-outs/sms", json!({})).await;
    assert_eq!(say(&world, Keyword::Yes, 1_764_000_304).await, Some(Keyword::Start));
    assert!(!world.is_out("m1", Channel::Sms).await, "it lifts what the API set on the member as well");
}
