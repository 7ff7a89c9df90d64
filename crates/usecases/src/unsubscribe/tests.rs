use std::collections::BTreeMap;

use domain::Channel;
use serde_json::json;
use wire::api::http::{Reply, Request};

use super::unsubscribe;
use crate::test_directory::{World, address, org, set_up};

const MAIL: &str = "ana@example.org";

async fn send(world: &World, method: &str, token: &str, body: &str) -> Reply {
    let request = Request {
        route: format!("{method} /unsubscribe/{{token}}"),
        path: BTreeMap::from([("token".to_owned(), token.to_owned())]),
        headers: BTreeMap::from([(
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        )]),
        body: body.into(),
        ..Request::default()
    };
    unsubscribe(&world.unsubscribe(), &request).await
}

async fn member() -> (World, String) {
    let world = World::start().await;
    set_up(&world).await;
    world.call("PUT /members/m1", json!({"email": "Ana@Example.org"})).await;
    let hash = world.store.address_hash(&org(), &address(MAIL));
    let token = world.tokens.make(&org(), Channel::Email, &hash);
    (world, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_asks_and_changes_nothing() {
    let (world, token) = member().await;
    let reply = send(&world, "GET", &token, "").await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("<form method=\"post\">"), "it works without scripts");
    assert!(reply.body.contains("St Mark &amp; Co"), "the name is escaped");
    assert!(!reply.body.contains(&token) && !reply.body.contains(MAIL));
    assert!(!world.is_out("m1", Channel::Email).await);
    for header in ["content-security-policy", "referrer-policy", "x-robots-tag", "cache-control"] {
        assert!(reply.headers.iter().any(|(name, _)| name == header), "{header}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_opts_the_address_out_of_that_channel_and_may_come_twice() {
    let (world, token) = member().await;
    for body in ["List-Unsubscribe=One-Click", ""] {
        let reply = send(&world, "POST", &token, body).await;
        assert_eq!(reply.status, 200);
        assert!(reply.body.contains("no more emails"));
    }
    assert!(world.is_out("m1", Channel::Email).await);
    assert!(!world.is_out("m1", Channel::Sms).await);
    let (_, list) = world.call("GET /members/m1/opt-outs", serde_json::Value::Null).await;
    assert_eq!(
        (list["items"][0]["source"].as_str(), list["items"][0]["scope"].as_str()),
        (Some("link"), Some("address"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_not_made_here_is_not_found() {
    let (world, token) = member().await;
    let mut forged = token.clone();
    forged.replace_range(5..6, if &token[5..6] == "A" { "B" } else { "A" });
    for bad in ["", "x", &forged, &token[1..]] {
        for method in ["GET", "POST"] {
            let reply = send(&world, method, bad, "").await;
            assert_eq!(reply.status, 404, "{method} {bad}");
            assert!(reply.body.contains("<h1>"), "people get a page");
        }
    }
    assert!(!world.is_out("m1", Channel::Email).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_allows_the_pages_own_style() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let (world, token) = member().await;
    let reply = send(&world, "GET", &token, "").await;
    let style = reply.body.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style));
    let policy = reply.headers.iter().find(|(name, _)| name == "content-security-policy").unwrap();
    assert!(policy.1.contains(&format!("'sha256-{hash}'")));
}
