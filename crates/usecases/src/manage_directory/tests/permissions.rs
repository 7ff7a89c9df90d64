use serde_json::{Value, json};

use crate::test_directory::{World, request};

const SETTINGS_READ: &[&str] =
    &["messaging.send", "messaging.view", "messaging.manage", "messaging.template_override"];
const SETTINGS_WRITE: &[&str] = &["messaging.manage"];
const MEMBERS_READ: &[&str] = &["members.view", "members.edit", "messaging.send"];
const MEMBERS_WRITE: &[&str] = &["members.edit"];
const ALL: [&str; 6] = [
    "members.view",
    "members.edit",
    "messaging.send",
    "messaging.view",
    "messaging.manage",
    "messaging.template_override",
];

const CALLS: [(&str, &[&str]); 18] = [
    ("GET /organisation", SETTINGS_READ),
    ("GET /channels", SETTINGS_READ),
    ("GET /templates", SETTINGS_READ),
    ("GET /templates/t", SETTINGS_READ),
    ("PUT /organisation", SETTINGS_WRITE),
    ("PUT /channels/sms", SETTINGS_WRITE),
    ("DELETE /channels/sms", SETTINGS_WRITE),
    ("PUT /templates/t", SETTINGS_WRITE),
    ("DELETE /templates/t", SETTINGS_WRITE),
    ("GET /members", MEMBERS_READ),
    ("GET /members/m", MEMBERS_READ),
    ("GET /members/m/opt-outs", MEMBERS_READ),
    ("PUT /members/m", MEMBERS_WRITE),
    ("DELETE /members/m", MEMBERS_WRITE),
    ("POST /members/import", MEMBERS_WRITE),
    ("POST /members/m/erase", MEMBERS_WRITE),
    ("PUT /members/m/opt-outs/sms", MEMBERS_WRITE),
    ("DELETE /members/m/opt-outs/sms", MEMBERS_WRITE),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_call_needs_its_permission_and_names_it_when_it_is_missing() {
    let world = World::start().await;
    for (call, enough) in CALLS {
        for permission in ALL {
            let (status, problem) = world.call_as("demo", permission, call, json!({})).await;
            assert_eq!(status != 403, enough.contains(&permission), "{call} with {permission}: {status}");
            if status == 403 {
                let detail = problem["detail"].as_str().unwrap();
                assert!(enough.iter().any(|name| detail.contains(name)), "{call}: {detail}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn permission_comes_before_the_body() {
    let world = World::start().await;
    assert_eq!(world.call_as("demo", "members.view", "PUT /members/m", json!([1])).await.0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_without_a_token() {
    let world = World::start().await;
    let mut request = request("demo", "", "GET /members");
    request.caller = None;
    assert_eq!(world.send(&request).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_parameter_of_a_list_is_refused_by_name() {
    let world = World::start().await;
    let (status, problem) = world.call("GET /members?unit=u1", Value::Null).await;
    assert_eq!((status, problem["parameter"].as_str()), (400, Some("unit")));
}
