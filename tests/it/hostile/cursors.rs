//! Cursors that were made for something else, or by somebody else.

use serde_json::Value;
use wire::api::http::Request;

use super::{Inhabited, Watch};

/// Every list, with a filter that all that is listed passes.
const LISTS: [(&str, &str); 8] = [
    ("GET /members", "unit_id=choir"),
    ("GET /templates", ""),
    ("GET /bulk-actions", ""),
    ("GET /bulk-actions/{id}/failed-items", "code=member_not_found"),
    ("GET /messages", "channel=sms"),
    ("GET /messages", "member_id=m001"),
    ("GET /conversations", "channel=sms"),
    ("GET /conversations/{id}/messages", ""),
];

fn list(inhabited: &Inhabited, route: &str, query: &str, cursor: Option<&str>) -> Request {
    let mut request = inhabited.request(route);
    let cursor = cursor.map(|cursor| format!("cursor={cursor}"));
    let parts = ["limit=1", query].into_iter().map(str::to_owned).chain(cursor);
    request.raw_query = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&");
    request
}

async fn cursor_of(inhabited: &Inhabited, route: &str, query: &str) -> String {
    let reply = inhabited.world.request(&list(inhabited, route, query, None)).await;
    let page: Value = serde_json::from_str(&reply.body).expect("JSON");
    let cursor = page["next_cursor"].as_str();
    cursor.unwrap_or_else(|| panic!("{route}?{query} has one page: {page}")).to_owned()
}

fn tampered(cursor: &str) -> Vec<String> {
    let mut all: Vec<String> = (0..cursor.len()).map(|length| cursor[..length].to_owned()).collect();
    for (place, character) in cursor.char_indices() {
        let other = if character == 'A' { 'B' } else { 'A' };
        all.push(format!("{}{other}{}", &cursor[..place], &cursor[place + 1..]));
    }
    all.extend(["A", "=", "==", "%3D", "%00", "%0A", "%2B", "AAAA"].map(|end| format!("{cursor}{end}")));
    all.push(cursor.repeat(2));
    all.push(format!("%20{cursor}"));
    all.push(cursor.to_lowercase());
    all.push(cursor.chars().rev().collect());
    all
}

#[tokio::test]
async fn a_cursor_with_anything_changed_is_refused_by_every_list() {
    let inhabited = Inhabited::start().await;
    let mut watch = Watch::new(&inhabited.world);
    for (route, query) in LISTS {
        let good = cursor_of(&inhabited, route, query).await;
        assert_eq!(
            watch.send("its own cursor", &list(&inhabited, route, query, Some(&good))).await.status,
            200
        );
        for bad in tampered(&good).into_iter().filter(|bad| *bad != good) {
            let reply = watch.send(&bad, &list(&inhabited, route, query, Some(&bad))).await;
            assert_eq!(reply.status, 400, "{route} took {bad}: {}", reply.body);
        }
    }
    watch.finish().await;
}

#[tokio::test]
async fn a_cursor_of_another_list_filter_resource_or_organisation_is_refused() {
    let inhabited = Inhabited::start().await;
    let mut watch = Watch::new(&inhabited.world);
    let mut cursors = Vec::new();
    for (route, query) in LISTS {
        cursors.push((route, query, cursor_of(&inhabited, route, query).await));
    }
    for (of, with, cursor) in &cursors {
        for (route, query) in LISTS.into_iter().filter(|(route, query)| (*route, *query) != (*of, *with)) {
            let reply = watch
                .send(&format!("that of {of}?{with}"), &list(&inhabited, route, query, Some(cursor)))
                .await;
            assert_eq!(reply.status, 400, "{route}?{query} took the cursor of {of}?{with}");
        }
        let mut unfiltered = list(&inhabited, of, "", Some(cursor));
        if !with.is_empty() {
            assert_eq!(watch.send("fewer filters", &unfiltered).await.status, 400, "{of}");
        }
        unfiltered = list(&inhabited, of, with, Some(cursor));
        if let Some(caller) = &mut unfiltered.caller {
            caller.org_id = "other".parse().expect("an id");
        }
        // What the other organisation does not have is not there, whatever the cursor.
        let status = watch.send("a foreign token", &unfiltered).await.status;
        assert!(status == 400 || (status == 404 && of.contains("{id}")), "{of}: {status}");
    }
    let other = Request {
        path: [("id".to_owned(), inhabited.scheduled.clone())].into(),
        ..list(
            &inhabited,
            "GET /bulk-actions/{id}/failed-items",
            "code=member_not_found",
            Some(&cursors[3].2),
        )
    };
    assert_eq!(watch.send("that of another action", &other).await.status, 400);
    watch.finish().await;
}
