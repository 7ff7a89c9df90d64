//! What every command says when it cannot do its work.

use axum::{Json, http::StatusCode, response::IntoResponse};
use serde_json::json;

use super::world::{World, lost, not_found, run};

#[tokio::test]
async fn a_refusal_is_printed_field_by_field() {
    let world = World::start(|_| {
        let problem = json!({
            "type": "/problems/invalid-body", "title": "The body does not fit", "status": 422, "detail": "1 error",
            "errors": [{"field": "messages[0].body", "code": "too_long", "message": "is too long"}],
        });
        (StatusCode::UNPROCESSABLE_ENTITY, Json(problem)).into_response()
    })
    .await;
    let said = world.run("send --channel sms --body Hi --all").await.bad();
    assert_eq!(said, "error: 422 The body does not fit\n  messages[0].body  is too long  (too_long)\n");
}

#[tokio::test]
async fn a_stack_that_is_not_there_is_to_be_started() {
    let world = World::start(|_| not_found()).await;
    for line in ["status ba_1", "log", "inbox", "cancel ba_1", "send --channel sms --body Hi --all"] {
        let words: Vec<&str> = line.split(' ').chain(["--port", "1", "--data", world.folder()]).collect();
        let said = run(&words).await.bad();
        let expected = "error: the stack at http://127.0.0.1:1 does not answer; start it with `cargo run`, or name its port with --port\n";
        assert_eq!(said, expected, "{line}");
    }
}

#[tokio::test]
async fn a_folder_that_no_stack_has_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    let said = run(&["log", "--data", empty]).await.bad();
    assert!(said.contains("has no jwt-key.pem; start the stack first"), "{said}");
    let missing = format!("{empty}/none");
    let said = run(&["log", "--data", &missing]).await.bad();
    assert!(said.contains(&format!("there is no data folder {missing}; start the stack first")), "{said}");
}

#[tokio::test]
async fn a_token_of_another_folder_is_explained() {
    let (world, other) = (World::start(|_| not_found()).await, World::start(|_| not_found()).await);
    let place = world.place();
    let port = place.split(' ').nth(1).unwrap();
    let said = run(&["log", "--port", port, "--data", other.folder()]).await.bad();
    assert!(said.contains("name the stack's own folder with --data"), "{said}");
}

#[tokio::test]
async fn another_server_on_the_port_is_not_taken_for_the_stack() {
    let world = World::start(|_| "<h1>It works!</h1>".into_response()).await;
    let said = world.run("status ba_1").await.bad();
    assert!(said.contains("is not Tidings; name the stack's port with --port"), "{said}");
    let other = World::start(|_| Json(json!({"hello": "world"})).into_response()).await;
    assert_eq!(other.run("log").await.bad(), "error: the answer to GET /messages is not a list\n");
    assert_eq!(
        other.run("status ba_1").await.bad(),
        "error: the answer to GET /bulk-actions/ba_1 is no bulk action\n"
    );
}

#[tokio::test]
async fn a_broken_answer_to_a_question_can_be_asked_for_again() {
    let said = World::start(|_| lost()).await.run("log").await.bad();
    assert!(said.ends_with("broke off its answer; try again\n"), "{said}");
}

#[tokio::test]
async fn a_cursor_that_leads_nowhere_ends_the_command() {
    let world = World::start(|_| Json(json!({"items": [], "next_cursor": "x"})).into_response()).await;
    assert!(world.run("log").await.bad().contains("does not go on after its cursor"));
    assert_eq!(world.calls().len(), 2);
}

#[tokio::test]
async fn words_that_are_not_understood_are_refused_before_anything_is_asked() {
    let world = World::start(|_| not_found()).await;
    for line in ["status ba/1", "log --status lost", "retry ba_1 --scope some", "inbox --reply Hi"] {
        assert_eq!(world.run(line).await.status, 2, "{line}");
    }
    assert!(world.calls().is_empty());
}
