//! Paths, queries, headers and callers.

use std::collections::BTreeSet;

use domain::permission::Caller;
use serde_json::Value;
use testing::conformance::contract;

use super::{Inhabited, Watch, routes, values};

#[tokio::test]
async fn whatever_stands_in_a_path_names_nothing_and_changes_nothing() {
    let inhabited = Inhabited::start().await;
    let mut watch = Watch::new(&inhabited.world);
    for route in routes() {
        let good = inhabited.request(route);
        for name in good.path.keys() {
            for text in values::texts() {
                let mut request = good.clone();
                request.path.insert(name.clone(), text.clone());
                watch.send(&format!("{name} = {text:.60?}"), &request).await;
            }
            let mut request = good.clone();
            request.path.remove(name);
            watch.send(&format!("no {name}"), &request).await;
        }
    }
    watch.finish().await;
}

/// Parameters that are known somewhere.
const PARAMETERS: [&str; 14] = [
    "limit",
    "cursor",
    "status",
    "channel",
    "direction",
    "member_id",
    "bulk_action_id",
    "from",
    "to",
    "code",
    "q",
    "unit_id",
    "unmatched",
    "m",
];

fn queries() -> Vec<String> {
    let mut all: Vec<String> = [
        "&",
        "&&&",
        "=",
        "==&=",
        "%",
        "%%%",
        "%zz",
        "%00",
        "%ff%fe",
        "%c0%af",
        "%ed%a0%80",
        "a",
        "a=b",
        "limit",
        "limit=1&limit=2",
        "LIMIT=1",
        "limit[]=1",
        "limit=1;cursor=2",
        "cursor=",
        "cursor=AAAA&cursor=AAAA",
        "+",
        "%0d%0aSet-Cookie:a=b",
        "q=%e2%80%ae",
        "hub.mode=subscribe&hub.verify_token=&hub.challenge=1",
        "hub.mode=subscribe&hub.challenge=<script>",
        "m=msg_01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0&m=x",
        "bodySHA256=00",
        "bodySHA256=",
    ]
    .map(str::to_owned)
    .into();
    all.push((0..1_000).map(|number| format!("p{number}={number}")).collect::<Vec<_>>().join("&"));
    all.push(["limit=1"; 1_000].join("&"));
    all.push("a".repeat(100_000));
    all.push(format!("cursor={}", "A".repeat(100_000)));
    for name in PARAMETERS {
        for text in values::texts().into_iter().step_by(2) {
            let value: String = form(&text);
            all.push(format!("{name}={value}"));
        }
    }
    all
}

fn form(text: &str) -> String {
    let escapes: Vec<String> = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    escapes.concat()
}

#[tokio::test]
async fn whatever_stands_in_a_query_is_read_or_refused() {
    let inhabited = Inhabited::start().await;
    let mut watch = Watch::new(&inhabited.world);
    for route in routes() {
        // What takes no parameters says so at the first one; the long list would only repeat it.
        let takes = route.starts_with("GET") || route.contains("webhooks");
        for query in queries().into_iter().take(if takes { usize::MAX } else { 32 }) {
            let mut request = inhabited.request(route);
            request.raw_query.clone_from(&query);
            watch.send(&format!("{query:.80?}"), &request).await;
        }
    }
    watch.finish().await;
}

#[tokio::test]
async fn whatever_stands_in_a_header_is_read_or_refused() {
    let inhabited = Inhabited::start().await;
    let mut watch = Watch::new(&inhabited.world);
    let names = [
        "content-type",
        "accept",
        "idempotency-key",
        "x-twilio-signature",
        "x-twilio-webhooks-signature-settings",
        "x-hub-signature-256",
        "x-amz-sns-message-type",
        "content-encoding",
        "x-http-method-override",
    ];
    let mut headers: Vec<String> = values::texts();
    headers.extend(
        [
            "application/json; charset=utf-16",
            "application/json;;;",
            "application/JSON; a=\"",
            "text/csv",
            "application/x-ndjson",
            "multipart/form-data; boundary=",
            "*/*;q=1e400",
            "text/csv;q=2",
            "gzip",
            "DELETE",
            "sha256=",
            "sha256=00",
            "sha256=zz",
            "algorithm=HMAC_SHA256",
            "algorithm=none",
            "algorithm=,algorithm=HMAC_SHA1",
        ]
        .map(str::to_owned),
    );
    for (number, route) in routes().into_iter().enumerate() {
        for name in names {
            // Some of the values for each route; every value meets many routes.
            for text in headers.iter().skip(number % 7).step_by(7) {
                let mut request = inhabited.request(route);
                request.headers.insert(name.to_owned(), text.clone());
                watch.send(&format!("{name}: {text:.60?}"), &request).await;
            }
        }
    }
    watch.finish().await;
}

#[tokio::test]
async fn nobody_without_a_token_or_of_another_organisation_reads_or_changes_anything() {
    let inhabited = Inhabited::start().await;
    let mut watch = Watch::new(&inhabited.world);
    let contents = inhabited.world.contents();
    let mut checked = BTreeSet::new();
    for (route, operation) in contract().routes() {
        if route.contains("/webhooks/") || route.contains("/unsubscribe/") {
            continue;
        }
        let bodies: Vec<Value> = operation.examples.iter().map(|example| example.body.clone()).collect();
        for body in bodies.into_iter().chain([Value::Null]) {
            let mut request = inhabited.request(route);
            if !body.is_null() {
                request.body = body.as_str().map_or_else(|| body.to_string(), str::to_owned).into_bytes();
            }
            let caller = request.caller.take();
            let reply = watch.send("no token", &request).await;
            assert_eq!(reply.status, 401, "{route}");
            let none = Caller { permissions: Vec::new(), ..caller.clone().expect("a caller") };
            request.caller = Some(none);
            let reply = watch.send("no permission", &request).await;
            assert!(reply.status == 403 || route == "GET /session", "{route}: {}", reply.status);

            let before = contents.read().await;
            request.caller =
                caller.map(|caller| Caller { org_id: "other".parse().expect("an id"), ..caller });
            let reply = watch.send("a foreign token", &request).await;
            let after = contents.read().await;
            let foreign = |key: &&str| !key.contains("\"other");
            let touched: Vec<&str> = after.differences(&before).into_iter().filter(foreign).collect();
            assert!(touched.iter().all(|key| *key == "queues"), "{route} changed {touched:?}");
            for ours in ["Ana", "ana0@example.org", "+64212410100", &inhabited.action, &inhabited.message] {
                assert!(
                    !reply.body.contains(ours),
                    "{route} told {ours} to another organisation: {}",
                    reply.body
                );
            }
            checked.insert(route);
        }
    }
    assert!(checked.len() > 30);
    watch.finish().await;
}
