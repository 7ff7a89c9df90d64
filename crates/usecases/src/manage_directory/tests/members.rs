use serde_json::{Value, json};

use crate::test_directory::{World, errors, set_up};

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_put_read_replaced_and_deleted() {
    let world = World::start().await;
    set_up(&world).await;
    let ana = json!({"first_names": "Ana", "primary_phone": "020 7946 0018", "unit": {"id": "u1", "name": "North"}});
    let (status, answer) = world.call("PUT /members/m1", ana.clone()).await;
    assert_eq!((status, answer["id"].as_str(), answer["email"].is_null()), (201, Some("m1"), true));
    assert_eq!(answer.as_object().unwrap().len(), 9);
    assert_eq!(world.call("GET /members/m1", Value::Null).await, (200, answer));
    assert_eq!(world.call("PUT /members/m1", ana).await.0, 200);
    let foreign = world.call_as("other", "members.view", "GET /members/m1", Value::Null).await;
    assert_eq!(foreign.0, 404);
    assert_eq!(world.call_as("other", "members.edit", "DELETE /members/m1", Value::Null).await.0, 204);
    assert_eq!(world.call("GET /members/m1", Value::Null).await.0, 200, "another's DELETE deletes nothing");
    assert_eq!(world.call("DELETE /members/m1", Value::Null).await.0, 204);
    assert_eq!(world.call("DELETE /members/m1", Value::Null).await.0, 204);
    assert_eq!(world.call("GET /members/m1", Value::Null).await.0, 404);
    for call in ["GET /members/a%20b", "PUT /members/é", "DELETE /members/a%23b"] {
        assert_eq!(world.call(call, json!({})).await.0, 404, "{call}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_told_all_at_once_and_nothing_is_written() {
    let world = World::start().await;
    let (status, problem) =
        world.call("PUT /members/m1", json!({"id": "m2", "email": 4, "colour": "red"})).await;
    assert_eq!(
        (status, errors(&problem)),
        (422, vec![("id", "mismatch"), ("email", "type"), ("colour", "unknown")])
    );
    assert_eq!(world.call("GET /members/m1", Value::Null).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_searched_and_paged_without_loss_or_repetition() {
    let world = World::start().await;
    set_up(&world).await;
    let members: Vec<Value> = (0..300)
        .map(|i| json!({"id": format!("m{i}"), "first_names": format!("Ana{}", i % 5), "unit": {"id": format!("u{}", i % 2), "name": "U"}}))
        .collect();
    let (status, result) = world.import("application/json", json!({"members": members}).to_string()).await;
    assert_eq!((status, result["imported"].as_u64()), (200, Some(300)));

    for limit in [1, 7, 50, 200] {
        let mut ids: Vec<String> = world
            .all(&format!("GET /members?limit={limit}"))
            .await
            .iter()
            .map(|member| member["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids.len(), 300, "limit {limit}");
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 300, "limit {limit}");
    }
    assert_eq!(world.all("GET /members?q=ANA3&limit=9").await.len(), 60);
    assert_eq!(world.all("GET /members?q=ana3&unit_id=u1&limit=9").await.len(), 30);
    assert_eq!(world.all("GET /members?unit_id=none").await.len(), 0);
    let (_, page) = world.call("GET /members?q=ana3&limit=9", Value::Null).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    for call in [
        format!("q=ana4&cursor={cursor}"),
        format!("q=ana3&cursor={cursor}x"),
        "cursor=".into(),
        "limit=201".into(),
        "limit=0".into(),
    ] {
        assert_eq!(world.call(&format!("GET /members?{call}"), Value::Null).await.0, 400, "{call}");
    }
    assert_eq!(world.call(&format!("GET /members?cursor={cursor}&limit=3&q=ana3"), Value::Null).await.0, 200);
}
