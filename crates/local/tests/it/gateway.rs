//! The gateway in front of a real process.

use std::{net::SocketAddr, time::Duration};

use crate::support::{pool, probe};
use local::{
    data::DataFolder,
    functions::Pool,
    gateway::Gateway,
    jwt::{Grant, Keys},
    template::Route,
};
use reqwest::{Client, StatusCode};
use serde_json::{Value as Json, json};

pub(crate) struct World {
    pub(crate) base: String,
    keys: Keys,
    pub(crate) http: Client,
    pub(crate) pool: Pool,
    pub(crate) data: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::create(folder.path()).unwrap();
        let pool = pool(&probe(), folder.path(), 2, Duration::from_secs(20));
        let route = |method: Option<&str>, path: &str, authorized, timeout| Route {
            method: method.map(str::to_owned),
            path: path.into(),
            function: "Probe".into(),
            authorized,
            timeout: Duration::from_millis(timeout),
        };
        let routes = vec![
            route(Some("GET"), "/open/{id}", false, 20_000),
            route(Some("POST"), "/open/{id}", false, 20_000),
            route(Some("GET"), "/closed", true, 20_000),
            route(None, "/fail", false, 20_000),
            route(None, "/plain", false, 20_000),
        ];
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let keys = Keys::load_or_create(&data).unwrap();
        let gateway =
            Gateway::new(routes, |_| Some(pool.clone()), Keys::load(&data).unwrap(), address.port()).unwrap();
        let service = gateway.into_router().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        let http = Client::builder().no_proxy().build().unwrap();
        Self { base: format!("http://{address}"), keys, http, pool, data: folder }
    }

    pub(crate) fn token(&self) -> String {
        let permissions = vec!["messaging.view".to_owned()];
        let ttl = Duration::from_secs(30);
        self.keys.sign(&Grant { org_id: "demo".into(), sub: "ana".into(), permissions, ttl }).unwrap()
    }

    pub(crate) async fn get(&self, path: &str, authorization: Option<&str>) -> (StatusCode, Json) {
        let mut request = self.http.get(format!("{}{path}", self.base));
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }
}

#[tokio::test]
async fn a_request_reaches_the_function_in_format_2_and_its_answer_comes_back() {
    let world = World::start().await;
    let url = format!("{}/open/a%20b?x=1", world.base);
    let response = world
        .http
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("Body=Hi+there")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["x-probe"], "yes");
    let event: Json = response.json().await.unwrap();
    assert_eq!(event["routeKey"], "POST /open/{id}");
    assert_eq!(event["rawPath"], "/open/a b");
    assert_eq!(event["pathParameters"]["id"], "a b");
    assert_eq!(event["isBase64Encoded"], true);
    assert_eq!(event["headers"]["content-type"], "application/x-www-form-urlencoded");
    world.pool.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_closed_route_needs_a_token_that_holds_and_gives_its_claims_as_text() {
    let world = World::start().await;
    let unauthorized = (StatusCode::UNAUTHORIZED, json!({"message": "Unauthorized"}));
    assert_eq!(world.get("/closed", None).await, unauthorized);
    for bad in ["Bearer nonsense", "Basic YTpi", "Bearer", ""] {
        assert_eq!(world.get("/closed", Some(bad)).await, unauthorized, "{bad}");
    }
    let (status, event) = world.get("/closed", Some(&format!("Bearer {}", world.token()))).await;
    assert_eq!(status, 201);
    let claims = &event["requestContext"]["authorizer"]["jwt"]["claims"];
    assert_eq!(claims["org_id"], "demo");
    assert_eq!(claims["permissions"], "messaging.view");
    assert!(claims["exp"].is_string());
    world.pool.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_unknown_route_is_a_problem_document() {
    let world = World::start().await;
    let response = world.http.get(format!("{}/nowhere", world.base)).send().await.unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Json = response.json().await.unwrap();
    assert_eq!((problem["status"].as_u64(), problem["title"].as_str()), (Some(404), Some("Not Found")));
    let (status, _) = world.get("/closed/", None).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_body_above_ten_megabytes_is_refused_by_the_gateway_itself() {
    let world = World::start().await;
    let url = format!("{}/open/x", world.base);
    for size in [11 * 1024 * 1024, 7 * 1024 * 1024] {
        let response = world
            .http
            .post(&url)
            .header("content-type", "text/plain")
            .body("x".repeat(size))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 413, "{size}");
        let body: Json = response.json().await.unwrap();
        assert_eq!(body, json!({"message": "Request Entity Too Large"}));
    }
    world.pool.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_500_and_one_without_status_is_the_body() {
    let world = World::start().await;
    let (status, body) = world.get("/fail", None).await;
    assert_eq!((status.as_u16(), body), (500, json!({"message": "Internal Server Error"})));
    let (status, body) = world.get("/plain", None).await;
    assert_eq!((status.as_u16(), body), (200, json!({"hello": "you"})));
    world.pool.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_function_that_cannot_run_is_a_500_and_one_that_is_stopped_a_503() {
    let world = World::start().await;
    world.pool.stop(Duration::from_secs(1)).await;
    let (status, body) = world.get("/plain", None).await;
    assert_eq!((status.as_u16(), body), (503, json!({"message": "Service Unavailable"})));
}
