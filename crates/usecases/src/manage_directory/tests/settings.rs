use serde_json::{Value, json};

use crate::test_directory::{World, errors, set_up};

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_is_not_found_before_it_is_put_and_then_replaced() {
    let world = World::start().await;
    assert_eq!(world.call("GET /organisation", Value::Null).await.0, 404);
    set_up(&world).await;
    let put = json!({"name": "St Mark", "country": "NZ", "help_text": "Call us"});
    let (status, answer) = world.call("PUT /organisation", put).await;
    assert_eq!(
        (status, answer["id"].as_str(), answer["time_zone"].as_str()),
        (200, Some("demo"), Some("UTC"))
    );
    assert_eq!(world.call("GET /organisation", Value::Null).await, (200, answer));
    let other = world.call_as("other", "messaging.view", "GET /organisation", Value::Null).await;
    assert_eq!(other.0, 404, "another organisation has its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_configured_changed_and_taken_away() {
    let world = World::start().await;
    let (status, problem) = world.call("PUT /channels/sms", json!({"per_day": 5})).await;
    assert_eq!((status, errors(&problem)), (422, vec![("sender", "required"), ("secret_ref", "required")]));
    let (_, problem) = world.call("PUT /channels/sms", json!({"per_day": 0, "colour": "red"})).await;
    let all =
        [("per_day", "range"), ("colour", "unknown"), ("sender", "required"), ("secret_ref", "required")];
    assert_eq!(errors(&problem), all, "everything at once");
    let new = json!({"sender": "+15005550006", "secret_ref": "twilio"});
    assert_eq!(world.call("PUT /channels/sms", new).await.0, 201);
    let (status, answer) = world.call("PUT /channels/sms", json!({"per_day": 5})).await;
    assert_eq!(
        (status, answer["sender"].as_str(), answer["per_day"].as_u64()),
        (200, Some("+15005550006"), Some(5))
    );
    world.call("PUT /channels/email", json!({"sender": "a@example.org"})).await;

    let (_, list) = world.call("GET /channels", Value::Null).await;
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|item| item["channel"].as_str().unwrap()).collect();
    assert_eq!(names, ["sms", "email"]);
    assert_eq!(world.call("DELETE /channels/sms", Value::Null).await, (204, Value::Null));
    assert_eq!(world.call("DELETE /channels/sms", Value::Null).await, (204, Value::Null));
    assert_eq!(world.call("PUT /channels/fax", json!({})).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_json_objects_are_told_apart() {
    let world = World::start().await;
    for (content_type, body, status) in [
        ("application/json", "{", 400),
        ("text/plain", "{}", 415),
        ("application/json", "[]", 422),
        ("application/json", "", 400),
    ] {
        let mut request = crate::test_directory::request("demo", "messaging.manage", "PUT /organisation");
        request.headers.insert("content-type".into(), content_type.into());
        request.body = body.into();
        let reply = world.send(&request).await;
        assert_eq!(reply.status, status, "{body}");
        assert!(reply.headers.contains(&("content-type".to_owned(), "application/problem+json".to_owned())));
    }
}
