//! `tidings send` and `tidings token` as processes, against an API that plays one action from start to end.

use std::{
    process::Output,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use local::{data::DataFolder, jwt::Keys};
use serde_json::{Value, json};

/// What the API saw and how far its action is.
#[derive(Default)]
struct Api {
    requests: Mutex<Vec<Value>>,
    tokens: Mutex<Vec<String>>,
    reads: AtomicUsize,
    codes: Vec<&'static str>,
}

async fn create(State(api): State<Arc<Api>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    api.tokens.lock().unwrap().push(headers[AUTHORIZATION].to_str().unwrap().replace("Bearer ", ""));
    api.requests.lock().unwrap().push(body.clone());
    if body["messages"][0]["body"] == "too long" {
        let problem = json!({
            "type": "/problems/invalid-body", "title": "The body does not fit", "status": 422, "detail": "1 error",
            "errors": [{"field": "messages[0].body", "code": "too_long", "message": "is too long"}],
        });
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(problem)).into_response();
    }
    (StatusCode::ACCEPTED, Json(json!({"id": "ba_1"}))).into_response()
}

async fn read(State(api): State<Arc<Api>>) -> Response {
    let failed = api.codes.len();
    let action = |status: &str, pending: usize| {
        json!({
            "status": status, "total": 3, "pending_count": pending, "success_count": 3 - failed - pending,
            "failed_count": failed, "skipped_count": 0, "unconfirmed_count": 0, "read_count": 0,
        })
    };
    match api.reads.fetch_add(1, Ordering::SeqCst) {
        0 => Json(json!({"status": "queued", "total": 3, "pending_count": 3})).into_response(),
        // A stack that stumbles is asked again.
        1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ if failed == 0 => Json(action("completed", 0)).into_response(),
        _ => Json(action("partial", 0)).into_response(),
    }
}

/// One item a page.
async fn failed_items(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Json<Value> {
    let query = query.unwrap_or_default();
    let page = query.split("cursor=page%2B").nth(1).map_or(0, |page| page.parse().unwrap());
    let items: Vec<Value> = api
        .codes
        .get(page)
        .map(|code| json!({"code": code, "message": format!("About {code}")}))
        .into_iter()
        .collect();
    let next = (page + 1 < api.codes.len()).then(|| format!("page+{}", page + 1));
    Json(json!({"items": items, "next_cursor": next}))
}

struct World {
    api: Arc<Api>,
    port: u16,
    keys: Keys,
    folder: tempfile::TempDir,
}

impl World {
    async fn start(codes: &[&'static str]) -> Self {
        let api = Arc::new(Api { codes: codes.to_vec(), ..Api::default() });
        let router = Router::new()
            .route("/bulk-actions", post(create))
            .route("/bulk-actions/ba_1", get(read))
            .route("/bulk-actions/ba_1/failed-items", get(failed_items))
            .with_state(api.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_create(&DataFolder::create(folder.path()).unwrap()).unwrap();
        Self { api, port, keys, folder }
    }

    async fn run(&self, command: &str, line: &[&str]) -> Output {
        let mut process = tokio::process::Command::new(env!("CARGO_BIN_EXE_tidings"));
        process.arg(command).args(line).arg("--data").arg(self.folder.path());
        if command == "send" {
            process.args(["--port", &self.port.to_string()]);
        }
        process.output().await.unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_send_is_watched_to_its_end_and_summed_up() {
    let world = World::start(&["no_phone", "no_phone"]).await;
    let line = ["--channel", "sms", "--body", "Hi", "--all"];
    let output = world.run("send", &line).await;
    let summary = text(&output.stdout);
    assert!(output.status.success(), "{summary}");
    assert!(summary.starts_with("partial\n"), "{summary}");
    assert!(summary.contains("no_phone                   2  About no_phone"), "{summary}");
    assert!(text(&output.stderr).contains("bulk action ba_1"));
    let sent = world.api.requests.lock().unwrap()[0].clone();
    assert_eq!(sent["selection"], json!({"all_matching": {}}));
    let token = world.api.tokens.lock().unwrap()[0].clone();
    let claims = world.keys.verify(&token).unwrap();
    assert_eq!(claims["org_id"], "demo");
}

#[tokio::test]
async fn the_exit_status_tells_whether_the_system_is_to_blame() {
    let line = ["--channel", "sms", "--body", "Hi", "--to", "m1,m2,m3"];
    let strict = [line.as_slice(), &["--strict"]].concat();
    let completed = World::start(&[]).await;
    assert!(completed.run("send", &strict).await.status.success());
    let own_data = World::start(&["invalid_phone"]).await;
    assert_eq!(own_data.run("send", &strict).await.status.code(), Some(1));
    let ours = World::start(&["internal_error"]).await;
    assert_eq!(ours.run("send", &line).await.status.code(), Some(1));
}

#[tokio::test]
async fn a_refusal_is_printed_field_by_field() {
    let world = World::start(&[]).await;
    let output = world.run("send", &["--channel", "sms", "--body", "too long", "--all"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("422 The body does not fit"), "{said}");
    assert!(said.contains("messages[0].body  is too long  (too_long)"), "{said}");
}

#[tokio::test]
async fn a_stack_that_is_not_there_is_told() {
    let world = World::start(&[]).await;
    let folder = world.folder.path().to_str().unwrap().to_owned();
    let line = ["send", "--channel", "sms", "--body", "Hi", "--all", "--port", "1", "--data", &folder];
    let output =
        tokio::process::Command::new(env!("CARGO_BIN_EXE_tidings")).args(line).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("does not answer"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn a_token_holds_for_the_folder_and_names_what_was_asked_for() {
    let world = World::start(&[]).await;
    let line = ["--org", "other", "--permissions", "members.view,messaging.send", "--sub", "ana"];
    let output = world.run("token", &line).await;
    assert!(output.status.success());
    let claims = world.keys.verify(text(&output.stdout).trim()).unwrap();
    assert_eq!(claims["org_id"], "other");
    assert_eq!(claims["sub"], "ana");
    assert_eq!(claims["permissions"], "members.view messaging.send");
}
