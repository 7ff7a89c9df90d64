//! The data folder under `kill -9`: whenever the stack is killed, it starts again on the same folder, with everything there, and nobody has to help.

use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::crash::{Call, Caller};
use crate::running::{Home, Running, eventually};

/// How long a first start takes at most, with some time after it: kills fall anywhere in it.
const FIRST_SECONDS_MS: u64 = 4_000;
/// How long the engine takes to make its tables, from the moment that its file is there.
const TABLES_MS: u64 = 120;
const PATIENCE: Duration = Duration::from_mins(1);

fn caller(home: &Home) -> Caller {
    Caller::of(home.base_url(), &home.data())
}

/// Starts on a folder in which the stack was killed before, and holds it to being whole.
async fn starts_whole(home: &mut Home, what: &str) -> Running {
    let running = home.start().await;
    let running = running.unwrap_or_else(|said| panic!("{what}: it does not start again: {said}"));
    let caller = caller(home);
    let members = caller.all("/members?limit=200").await;
    assert!(members.len() >= local::seed::member_count(), "{what}: {} members", members.len());
    assert_eq!(caller.get("/channels").await["items"].as_array().map(Vec::len), Some(3), "{what}: channels");
    assert_eq!(caller.all("/templates?limit=200").await.len(), 5, "{what}: templates");
    assert_eq!(caller.get("/organisation").await["country"], "NZ", "{what}: organisation");
    let opt_outs = caller.get("/members/m066/opt-outs").await;
    assert_eq!(opt_outs["items"][0]["channel"], "sms", "{what}: the member who is opted out");
    running
}

/// Every table and every index takes a write and answers a query.
async fn works(home: &Home, what: &str) {
    let caller = caller(home);
    let body = json!({ "member_id": "m001", "channel": "sms", "body": "Are you there?" });
    let message = caller.insist(Call::post("/messages", &body).with_key("first")).await;
    assert_eq!(message.status, 202, "{what}: {}", message.body);
    let path = format!("/messages/{}", message.text("id"));
    let until = Instant::now() + PATIENCE;
    while caller.get(&path).await["status"] != "delivered" {
        assert!(Instant::now() < until, "{what}: nothing is delivered");
        sleep(Duration::from_millis(100)).await;
    }
    let sms = json!({ "channel": "sms", "from": "+64212410100", "to": "+64212419999", "text": "Yes" });
    let inbound = caller.insist(Call::post("/sim/inbound", &sms)).await;
    assert!(inbound.is_success(), "{what}: {}", inbound.body);
    for list in ["/messages?limit=200", "/messages?limit=200&member_id=m001", "/conversations?limit=200"] {
        assert!(!caller.all(list).await.is_empty(), "{what}: {list}");
    }
    caller.all("/bulk-actions?limit=200").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_killed_while_it_starts_for_the_first_time_starts_again_with_the_whole_seed() {
    let mut rng = Rng::new();
    for round in 0..5 {
        let mut home = Home::new();
        // Several times on the same folder: a start that goes on with what another left may be killed, too.
        for _ in 0..3 {
            let running = home.spawn().await;
            let after = if rng.bool() {
                eventually("the engine has its file", PATIENCE, || {
                    home.data().join("engine/dynamodb.sqlite").exists()
                })
                .await;
                rng.u64(0..TABLES_MS)
            } else {
                rng.u64(0..FIRST_SECONDS_MS)
            };
            sleep(Duration::from_millis(after)).await;
            running.cut_power();
        }
        let what = format!("round {round}");
        let running = starts_whole(&mut home, &what).await;
        works(&home, &what).await;
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_killed_in_the_middle_of_an_import_has_whole_members_and_takes_the_rest() {
    const MEMBERS: usize = 1_500;
    let mut rng = Rng::new();
    let mut home = Home::new();
    let mut running = home.start().await.expect("the stack starts");
    let caller = caller(&home);
    let member = |number: usize| json!({ "id": format!("i{number}"), "first_names": "Ana", "primary_phone": format!("+6421{}", 5_001_000 + number * 10) });
    let body = json!({ "members": (0..MEMBERS).map(member).collect::<Vec<Value>>() });
    let mut interrupted = 0;
    for round in 0..4 {
        let import = caller.attempt(Call::post("/members/import", &body));
        let kill = async {
            sleep(Duration::from_millis(rng.u64(20..500))).await;
            running.cut_power();
        };
        let (answer, ()) = tokio::join!(import, kill);
        interrupted += usize::from(answer.is_none());
        running = starts_whole(&mut home, &format!("round {round}")).await;
        for member in caller.all("/members?limit=200&q=Ana").await {
            assert!(member["primary_phone"].is_string(), "{member}");
        }
    }
    assert!(interrupted > 0, "no import was interrupted");
    let answer = caller.insist(Call::post("/members/import", &body)).await;
    assert_eq!(answer.body["imported"], MEMBERS, "{}", answer.body);
    let expected = MEMBERS + local::seed::member_count();
    assert_eq!(caller.all("/members?limit=200").await.len(), expected);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_killed_while_it_stops_starts_again_with_everything() {
    let mut rng = Rng::new();
    let mut home = Home::new();
    let mut running = home.start().await.expect("the stack starts");
    for round in 0..4 {
        let caller = caller(&home);
        let body = json!({
            "type": "send_message", "selection": { "all_matching": {} },
            "messages": [{ "channel": "email", "subject": "Sunday", "body": format!("Round {round}") }],
        });
        let action = caller.insist(Call::post("/bulk-actions", &body)).await;
        assert_eq!(action.status, 202, "{}", action.body);
        sleep(Duration::from_millis(rng.u64(0..400))).await;
        running.ask_to_stop();
        sleep(Duration::from_millis(rng.u64(0..900))).await;
        running.cut_power();
        running = starts_whole(&mut home, &format!("round {round}")).await;
        let known = caller.get(&format!("/bulk-actions/{}", action.text("id"))).await;
        assert_eq!(known["id"], action.body["id"], "what was accepted is there");
    }
    works(&home, "in the end").await;
    running.stop().await;
}

/// Also when it cannot tidy up: a test that is itself killed leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_stack_ends_with_whoever_started_it() {
    let mut home = Home::new();
    let mut running = home.start().await.expect("the stack starts");
    let functions = running.functions();
    assert!(!functions.is_empty());
    running.abandon();
    eventually("the stack has ended", PATIENCE, || running.ended().is_some()).await;
    eventually("its functions have ended", PATIENCE, || {
        !functions.iter().any(crate::running::Function::runs)
    })
    .await;
    assert!(Path::new(&home.data()).is_dir());
}
