use serde_json::{Value, json};

use crate::test_directory::{World, errors};

fn sms(status: &str) -> Value {
    json!({"channel": "sms", "name": "Moved", "body": "Hi {{member.first_names}}", "status": status})
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_put_read_replaced_and_deleted() {
    let world = World::start().await;
    let (status, answer) = world.call("PUT /templates/t1", sms("approved")).await;
    assert_eq!(status, 201);
    assert_eq!(world.call("GET /templates/t1", Value::Null).await, (200, answer));
    assert_eq!(world.call("PUT /templates/t1", sms("rejected")).await.0, 200);
    let foreign = world.call_as("other", "messaging.view", "GET /templates/t1", Value::Null).await;
    assert_eq!(foreign.0, 404);
    assert_eq!(world.call("DELETE /templates/t1", Value::Null).await.0, 204);
    assert_eq!(world.call("GET /templates/t1", Value::Null).await.0, 404);
    assert_eq!(world.call("GET /templates/a%23b", Value::Null).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_with_a_bad_variable_is_refused_with_its_place() {
    let world = World::start().await;
    let (status, problem) = world
        .call("PUT /templates/t1", json!({"channel": "sms", "name": "n", "body": "a\n{{nobody}}"}))
        .await;
    assert_eq!((status, errors(&problem)), (422, vec![("body", "variable")]));
    assert!(problem["errors"][0]["message"].as_str().unwrap().starts_with("line 2, column"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_filtered_and_paged() {
    let world = World::start().await;
    for number in 0..60 {
        let status = if number % 3 == 0 { "pending" } else { "approved" };
        world.call(&format!("PUT /templates/t{number:02}"), sms(status)).await;
    }
    world
        .call("PUT /templates/mail", json!({"channel": "email", "name": "n", "subject": "s", "body": "b"}))
        .await;

    assert_eq!(world.all("GET /templates?limit=7").await.len(), 61);
    assert_eq!(world.all("GET /templates?status=pending&limit=7").await.len(), 20);
    assert_eq!(ids(&world.all("GET /templates?channel=email").await), ["mail"]);
    let (_, page) = world.call("GET /templates?limit=61", Value::Null).await;
    assert_eq!(page["next_cursor"], Value::Null, "a full last page has no successor");

    let (_, page) = world.call("GET /templates?limit=7", Value::Null).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let other_filter = format!("GET /templates?status=pending&cursor={cursor}");
    assert_eq!(world.call(&other_filter, Value::Null).await.0, 400);
    let other_org = format!("GET /templates?limit=7&cursor={cursor}");
    assert_eq!(world.call_as("other", "messaging.view", &other_org, Value::Null).await.0, 400);
    assert_eq!(world.call("GET /templates?channel=fax", Value::Null).await.0, 400);
    assert_eq!(world.call("GET /templates?chanel=sms", Value::Null).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_templates_are_stored_whatever_their_characters() {
    let world = World::start().await;
    let part = "\"".repeat(100 * 1024);
    let mail = json!({"channel": "email", "name": "n", "subject": "\u{1f600}".repeat(998), "body": part, "html": part});
    let (status, answer) = world.call("PUT /templates/mail", mail).await;
    assert_eq!(status, 201);
    assert_eq!(world.call("GET /templates/mail", Value::Null).await, (200, answer));
    let parameters: Vec<Value> = (1..=100)
        .map(|i| json!({"position": i, "component": "header", "default": "\u{1f600}".repeat(1_024)}))
        .collect();
    let whatsapp =
        json!({"channel": "whatsapp", "name": "n", "language": "en", "body": "x", "parameters": parameters});
    let (status, problem) = world.call("PUT /templates/wa", whatsapp).await;
    assert_eq!((status, errors(&problem)), (422, vec![("parameters", "too_long")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_member_is_stored() {
    let world = World::start().await;
    let long = "\u{1f600}".repeat(1_000);
    let fields: serde_json::Map<String, Value> =
        (0..50).map(|i| (format!("{i:064}"), Value::String(long.clone()))).collect();
    let (status, answer) = world.call("PUT /members/m1", json!({"fields": fields})).await;
    assert_eq!(status, 201);
    assert_eq!(world.call("GET /members/m1", Value::Null).await, (200, answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_large_templates_stays_below_what_a_function_may_answer() {
    let world = World::start().await;
    let large = json!({"channel": "email", "name": "n", "subject": "s", "body": "b".repeat(100_000), "html": "h".repeat(100_000)});
    for number in 0..15 {
        assert_eq!(world.call(&format!("PUT /templates/t{number:02}"), large.clone()).await.0, 201);
    }
    let (_, page) = world.call("GET /templates?limit=200", Value::Null).await;
    assert!(page.to_string().len() < 3_000_000);
    assert!(page["next_cursor"].is_string());
    assert_eq!(world.all("GET /templates?limit=200").await.len(), 15);
}
