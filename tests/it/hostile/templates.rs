//! Texts that would loop or explode.

use serde_json::{Value, json};
use testing::World;

use super::Call;
use crate::support::{body, failed_items, problem, settle};

/// Every call that takes a text, with `text` in it.
fn calls(text: &str) -> Vec<Call> {
    let mail = json!({ "channel": "email", "subject": "S", "body": text });
    let html = json!({ "channel": "email", "subject": "S", "body": "Hi", "html": text });
    let send =
        |message: &Value| json!({ "type": "send_message", "target_ids": ["m0"], "messages": [message] });
    let mut all = Vec::new();
    for message in [&mail, &html] {
        all.push(("POST /bulk-actions", Vec::new(), send(message)));
        all.push(("POST /bulk-actions/preview", Vec::new(), send(message)));
    }
    all.push((
        "POST /messages",
        Vec::new(),
        json!({ "member_id": "m0", "channel": "email", "subject": "S", "body": text }),
    ));
    for name in ["body", "html"] {
        let mut template = json!({ "channel": "email", "name": "N", "subject": "S", "body": "Hi" });
        template[name] = text.into();
        all.push(("PUT /templates/{id}", vec![("id", "t")], template));
    }
    all
}

#[tokio::test]
async fn a_text_with_more_variables_than_can_be_filled_in_is_refused_wherever_it_is_given() {
    let world = World::start().await;
    world.members(1).await;
    let contents = world.contents();
    let before = contents.read().await;
    for text in ["{{org.name}}".repeat(501), "{{member.fields.a|default('')}}".repeat(3_000)] {
        for (route, path, call) in calls(&text) {
            let reply = world.call(route, &path, call).await;
            assert_eq!(problem(&reply), (422, "invalid-body".into()), "{route}: {}", reply.body);
            assert!(reply.body.contains("a text may have at most 500"), "{route}: {}", reply.body);
        }
    }
    // More than fits into a text is too long before anybody looks for variables in it.
    for (route, path, call) in calls(&"{{org.name}}".repeat(100_000)) {
        let reply = world.call(route, &path, call).await;
        assert_eq!(problem(&reply), (422, "invalid-body".into()), "{route}");
        assert!(reply.body.contains("too_long"), "{route}: {}", reply.body);
    }
    assert_eq!(contents.read().await, before);
    for (route, path, call) in calls(&"{{org.name}}".repeat(500)) {
        body(&world.call(route, &path, call).await);
    }
    settle(&world).await;
}

#[tokio::test]
async fn braces_within_braces_are_refused_with_their_place() {
    let world = World::start().await;
    world.members(1).await;
    for text in [
        "{{{{member.first_names}}}}",
        "{{member.{{member.first_names}}}}",
        "{{member.first_names | default(\"{{org.name}}\") | default(\"x\")}}",
        "{{member.first_names | default({{org.name}})}}",
        &"{{".repeat(40_000),
        &format!("{}x{}", "{{".repeat(20_000), "}}".repeat(20_000)),
        &format!("{{{{member.first_names | default('{}", "'".repeat(90_000)),
        "{{member.first_names.constructor}}",
        "{{member.fields.a.b}}",
        "{{self}}",
    ] {
        for (route, path, call) in calls(text) {
            let reply = world.call(route, &path, call).await;
            assert_eq!(reply.status, 422, "{route} {text:.50}: {}", reply.body);
            assert!(
                reply.body.contains("line 1, column") && reply.body.len() < 2_000,
                "{route}: {}",
                reply.body
            );
        }
    }
}

#[tokio::test]
async fn values_that_blow_a_message_up_fail_their_recipient_and_nobody_else() {
    let world = World::start().await;
    world.members(1).await;
    let member = |length: usize| {
        json!({
            "first_names": "Ben", "primary_phone": "+64215550100", "email": "ben@example.org", "fields": { "note": "<".repeat(length) },
        })
    };
    world
        .member(
            "m0",
            json!({ "primary_phone": "+64215550101", "email": "ana@example.org", "fields": { "note": "-" } }),
        )
        .await;
    world.member("bomb", member(1_000)).await;
    let note = "{{member.fields.note}}";
    let mail = json!({ "channel": "email", "subject": "S", "body": note, "html": note.repeat(500) });
    let messages = json!([{ "channel": "sms", "body": note.repeat(2) }, mail]);
    let preview = json!({ "type": "send_message", "target_ids": ["m0", "bomb"], "messages": messages });
    let preview = body(&world.call("POST /bulk-actions/preview", &[], preview).await);
    assert_eq!(preview["unreachable"]["by_code"], json!({ "provider_rejected": 2 }), "{preview}");

    let id = world.send(json!({ "target_ids": ["m0", "bomb"], "messages": messages })).await;
    settle(&world).await;
    let failed = failed_items(&world, id).await;
    assert_eq!(failed.into_iter().collect::<Vec<_>>(), [("bomb".to_owned(), "provider_rejected".to_owned())]);
    let items =
        world.ok("GET /bulk-actions/{id}/failed-items", &[("id", &id.to_string())], Value::Null).await;
    let mut sentences: Vec<&str> = items["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|item| item["message"].as_str())
        .collect();
    sentences.sort_unstable();
    assert_eq!(
        sentences,
        [
            "With this member's values the message would have more than 1600 characters, the most that SMS takes; it was not sent",
            "With this member's values the message would have more than 262144 bytes, the most that email takes; it was not sent",
        ]
    );
    assert_eq!(world.provider.accepted().len(), 2, "the other member has both messages");
}

#[tokio::test]
async fn a_value_that_reads_like_a_variable_stays_what_it_is() {
    let world = World::start().await;
    let name = "{{member.fields.secret}}{{org.name}}";
    world
        .member(
            "m0",
            json!({ "first_names": name, "primary_phone": "+64215550100", "fields": { "secret": "x" } }),
        )
        .await;
    world.send_sms(&["m0".into()], "Hi {{member.first_names}}").await;
    settle(&world).await;
    assert_eq!(world.provider.accepted()[0].text, format!("Hi {name}"));
}
