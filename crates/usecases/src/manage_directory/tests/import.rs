use serde_json::{Value, json};

use crate::test_directory::{World, set_up};

/// Row, id, field and code of each error.
fn told(result: &Value) -> Vec<(u64, Option<&str>, Option<&str>, &str)> {
    let errors = result["errors"].as_array().unwrap().iter();
    errors
        .map(|error| {
            let text = |name: &str| error[name].as_str();
            (error["row"].as_u64().unwrap(), text("id"), text("field"), text("code").unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn good_rows_are_kept_and_bad_ones_are_told() {
    let world = World::start().await;
    set_up(&world).await;
    let members = json!([
        {"id": "m1", "email": "a@example.org"},
        {"id": "m 2"},
        {"id": "m3", "email": 5, "age": 7},
        null,
        {"id": "m1", "email": "b@example.org"},
        {"id": "m6", "primary_phone": "not a phone"},
    ]);
    let (status, result) = world.import("application/json", json!({"members": members}).to_string()).await;
    assert_eq!((status, result["imported"].as_u64()), (200, Some(2)));
    let expected = [
        (2, Some("m 2"), Some("id"), "id"),
        (3, Some("m3"), Some("email"), "type"),
        (3, Some("m3"), Some("age"), "unknown"),
        (4, None, None, "type"),
        (5, Some("m1"), Some("id"), "duplicate"),
    ];
    assert_eq!(told(&result), expected);
    let (_, ana) = world.call("GET /members/m1", Value::Null).await;
    assert_eq!(ana["email"], "a@example.org", "the first of two rows with one id counts");
    assert_eq!(
        world.call("GET /members/m6", Value::Null).await.0,
        200,
        "addresses are judged when something is sent"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_json_are_read_one_by_one() {
    let world = World::start().await;
    let body = "\u{feff}{\"id\": \"m1\"}\r\n\n{\"id\": \"m2\", \n{\"id\": \"m3\"}";
    let (status, result) = world.import("application/x-ndjson; charset=utf-8", body).await;
    assert_eq!((status, result["imported"].as_u64()), (200, Some(2)));
    assert_eq!(told(&result), [(2, None, None, "json")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csv_file_is_read_by_its_header() {
    let world = World::start().await;
    let body = "\u{feff}id, first_names,email,unit_id,unit_name,fields.seat,country\r\n\
        m1,\"Öz, Ana\",a@example.org,u1,North,4,NZ\r\n\
        m2,Ben,,,,,\r\n\
        m3,Cy\r\n\
        m4,\"Two\nlines\",,,,,\r\n\
        m5,,,,North,,Atlantis\r\n";
    let (status, result) = world.import("text/csv", body).await;
    assert_eq!((status, result["imported"].as_u64()), (200, Some(2)));
    let expected = [
        (3, None, None, "columns"),
        (4, Some("m4"), Some("first_names"), "character"),
        (5, Some("m5"), Some("country"), "country"),
        (5, Some("m5"), Some("unit.id"), "required"),
    ];
    assert_eq!(told(&result), expected);
    let (_, ana) = world.call("GET /members/m1", Value::Null).await;
    let expected = json!({
        "id": "m1", "first_names": "Öz, Ana", "last_names": null, "email": "a@example.org", "primary_phone": null,
        "secondary_phone": null, "country": "NZ", "unit": {"id": "u1", "name": "North"}, "fields": {"seat": "4"}
    });
    assert_eq!(ana, expected);
    let (_, ben) = world.call("GET /members/m2", Value::Null).await;
    assert_eq!((ben["unit"].is_null(), ben["email"].is_null()), (true, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_none_is_refused_as_a_whole() {
    let world = World::start().await;
    let many: Vec<Value> = (0..5_001).map(|i| json!({"id": format!("m{i}")})).collect();
    let lines = many.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let csv = format!("id{}", (0..5_001).map(|i| format!("\nm{i}")).collect::<Vec<_>>().concat());
    for (content_type, body, status) in [
        ("application/json", json!({"members": many}).to_string(), 422),
        ("application/x-ndjson", lines, 422),
        ("text/csv", csv, 422),
        ("application/json", "{\"members\": {}}".into(), 422),
        ("application/json", "[]".into(), 422),
        ("application/json", "{".into(), 400),
        ("text/csv", String::new(), 422),
        ("text/csv", "name,id,id,colour\nAna,m1,m1,red\n".into(), 422),
        ("application/xml", "<a/>".into(), 415),
        ("text/csv; charset=latin1", "id\n".into(), 415),
        ("text/csv", "x".repeat(4 * 1024 * 1024 + 1), 413),
    ] {
        let start: String = body.chars().take(30).collect();
        assert_eq!(world.import(content_type, body).await.0, status, "{content_type} {start}");
    }
    assert!(world.all("GET /members?limit=50").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_nothing_but_errors_is_answered_in_full_and_small() {
    let world = World::start().await;
    let row = format!(
        "{{\"id\":\"m\",{}}}\n",
        (0..60).map(|i| format!("\"x{i}\":1")).collect::<Vec<_>>().join(",")
    );
    let (status, result) = world.import("application/x-ndjson", row.repeat(5_000)).await;
    assert_eq!((status, result["imported"].as_u64()), (200, Some(0)));
    let rows: std::collections::BTreeSet<u64> = told(&result).iter().map(|error| error.0).collect();
    assert_eq!(rows.len(), 5_000, "every row is told");
    assert!(result.to_string().len() < 4_000_000, "{}", result.to_string().len());
}
