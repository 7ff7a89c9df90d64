//! Calls of providers that are forged, replayed or meant for somebody else.

use std::time::Duration;

use domain::Channel;
use serde_json::json;
use testing::{Snapshot, World};
use wire::api::http::Request;

use super::signed::{TWILIO_INBOUND, TWILIO_STATUS, WHATSAPP, account, form, meta, twilio, whatsapp};
use super::{Inhabited, Watch};
use crate::support::settle;

/// The number id of the world's WhatsApp sender.
const NUMBER: &str = "106540352242922";
/// That of the other organisations.
const OTHER_NUMBER: &str = "106540352249999";
const ANA: &str = "+64212410100";

/// A world with a second organisation that has the same channels, and a message of the first that is on its way on each channel.
async fn two_organisations() -> (Inhabited, Vec<String>) {
    let inhabited = Inhabited::start().await;
    let world = &inhabited.world;
    for org in ["other", "sister"] {
        for (route, path, body) in [
            ("PUT /organisation", None, json!({ "name": "Other", "country": "NZ" })),
            (
                "PUT /channels/{channel}",
                Some("sms"),
                json!({ "sender": "+6421000009", "secret_ref": "provider" }),
            ),
            (
                "PUT /channels/{channel}",
                Some("whatsapp"),
                json!({ "sender": OTHER_NUMBER, "secret_ref": "provider" }),
            ),
        ] {
            let mut request = inhabited.request(route);
            request.path =
                path.map(|channel| ("channel".to_owned(), channel.to_owned())).into_iter().collect();
            request.body = body.to_string().into_bytes();
            if let Some(caller) = &mut request.caller {
                caller.org_id = org.parse().expect("an id");
            }
            assert!(world.request(&request).await.status < 300);
        }
    }
    let template = json!({ "channel": "whatsapp", "template_id": "service_reminder", "parameters": { "1": "Ana", "2": "10" } });
    let sms = json!({ "channel": "sms", "body": "Hi" });
    world.send(json!({ "target_ids": ["m001"], "messages": [sms, template] })).await;
    world.drain().await;
    let calls = world.provider.accepted();
    let sent = calls.iter().rev().take(2).map(|seen| seen.message_id.to_string()).collect();
    (inhabited, sent)
}

/// Everything but the marks that say that counts are to be looked at again: what anybody can read follows from the rest.
fn without_notes(snapshot: Snapshot) -> Snapshot {
    let items = snapshot.items.into_iter().filter(|(key, _)| !key.contains("bulk-actions")).collect();
    Snapshot { items, ..snapshot }
}

async fn rows(world: &World) -> Snapshot {
    without_notes(world.contents().read().await)
}

fn delivered(org: &str, message: &str) -> Request {
    let sid = account(org);
    let body = form(&[("AccountSid", &sid), ("MessageSid", "SM9"), ("MessageStatus", "delivered")]);
    twilio(TWILIO_STATUS, org, &format!("m={message}"), &body)
}

fn read_on_whatsapp(org: &str, number: &str, message: &str) -> Request {
    let status = json!([{ "id": "wamid.9", "status": "read", "timestamp": "1796115601", "biz_opaque_callback_data": message }]);
    whatsapp(org, &meta(number, "statuses", &status))
}

fn writes(org: &str, id: &str, text: &str) -> Request {
    let sid = account(org);
    let fields = [
        ("AccountSid", sid.as_str()),
        ("MessageSid", id),
        ("From", ANA),
        ("To", "+6421000000"),
        ("Body", text),
    ];
    twilio(TWILIO_INBOUND, org, "", &form(&fields))
}

fn writes_on_whatsapp(org: &str, number: &str, id: &str, text: &str) -> Request {
    let message = json!([{
        "from": ANA.trim_start_matches('+'), "id": id, "timestamp": "1796115601", "type": "text", "text": { "body": text },
    }]);
    whatsapp(org, &meta(number, "messages", &message))
}

#[tokio::test]
async fn a_call_with_a_byte_changed_is_forged_before_anything_in_it_is_read() {
    let (inhabited, sent) = two_organisations().await;
    let mut watch = Watch::new(&inhabited.world);
    for genuine in [
        delivered("demo", &sent[0]),
        writes("demo", "SM10", "STOP"),
        read_on_whatsapp("demo", NUMBER, &sent[0]),
        writes_on_whatsapp("demo", NUMBER, "W10", "STOP"),
    ] {
        let mut forged = Vec::new();
        for place in (0..genuine.body.len()).step_by(7) {
            let mut request = genuine.clone();
            // A letter for another, so that the body still reads.
            request.body[place] = if request.body[place] == b'A' { b'B' } else { b'A' };
            forged.push(request);
        }
        for (header, value) in genuine.headers.clone() {
            let bad = [
                String::new(),
                value.to_uppercase() + "=",
                format!(" {value}"),
                format!("{value},{value}"),
                value[1..].to_owned(),
                value[..value.len() - 1].to_owned(),
                value.replace("sha256=", "sha1="),
                value.replace("sha256=", ""),
                "sha256=".into(),
            ];
            let bad = bad.into_iter().filter(|bad| *bad != value);
            forged.extend(
                bad.map(|bad| Request { headers: [(header.clone(), bad)].into(), ..genuine.clone() }),
            );
            forged.push(Request { headers: [].into(), ..genuine.clone() });
        }
        forged.push(Request { raw_query: format!("{}&x=1", genuine.raw_query), ..genuine.clone() });
        forged.push(Request { body: [genuine.body.as_slice(), b" "].concat(), ..genuine.clone() });
        forged.push(Request { body: b"{".to_vec(), ..genuine.clone() });
        forged.push(Request { body: Vec::new(), ..genuine.clone() });
        for request in forged {
            // Meta signs the body alone, so that a query means nothing there.
            if request.body == genuine.body && request.headers == genuine.headers && request.route == WHATSAPP
            {
                continue;
            }
            let reply = watch.send("something changed", &request).await;
            assert_eq!(reply.status, 403, "{} {:?}", request.route, request.headers);
        }
    }
    watch.finish().await;
}

#[tokio::test]
async fn what_another_organisation_signs_changes_nothing_of_ours() {
    let (inhabited, sent) = two_organisations().await;
    let world = &inhabited.world;
    let before = rows(world).await;
    // `other` has a secret of its own; `sister` shares ours, as the clients of one Meta app do.
    for org in ["other", "sister"] {
        for message in &sent {
            for request in [
                delivered(org, message),
                read_on_whatsapp(org, OTHER_NUMBER, message),
                read_on_whatsapp(org, NUMBER, message),
            ] {
                let status = world.request(&request).await.status;
                assert!(status < 300, "{org} signed its own call: {status}");
            }
        }
        assert_eq!(world.request(&writes_on_whatsapp(org, NUMBER, "W1", "STOP")).await.status, 200);
    }
    world.drain().await;
    assert_eq!(rows(world).await.differences(&before), [].into());

    let mut watch = Watch::new(world);
    for org in ["other", "sister"] {
        for genuine in [
            delivered("demo", &sent[0]),
            writes("demo", "SM1", "STOP"),
            delivered(org, &sent[0]),
            writes(org, "SM1", "STOP"),
        ] {
            let (to, of) = if genuine.path["org_id"] == "demo" { (org, "demo") } else { ("demo", org) };
            let request = Request { path: [("org_id".to_owned(), to.to_owned())].into(), ..genuine };
            assert_eq!(watch.send("Twilio signs the URL", &request).await.status, 403, "{of} to {to}");
        }
    }
    for (of, to) in [("demo", "other"), ("other", "demo"), ("other", "sister")] {
        for genuine in [read_on_whatsapp(of, NUMBER, &sent[0]), writes_on_whatsapp(of, NUMBER, "W2", "STOP")]
        {
            let request = Request { path: [("org_id".to_owned(), to.to_owned())].into(), ..genuine };
            assert_eq!(watch.send("the secret is another's", &request).await.status, 403, "{of} to {to}");
        }
    }
    watch.finish().await;
    assert_eq!(rows(world).await.differences(&before), [].into());
}

#[tokio::test]
async fn a_call_of_an_account_or_a_number_that_is_not_the_organisations_changes_nothing() {
    let (inhabited, sent) = two_organisations().await;
    let world = &inhabited.world;
    let before = rows(world).await;
    let sid = account("other");
    let status = [("AccountSid", sid.as_str()), ("MessageSid", "SM9"), ("MessageStatus", "delivered")];
    let stop = [
        ("AccountSid", sid.as_str()),
        ("MessageSid", "SM9"),
        ("From", ANA),
        ("To", "+6421000000"),
        ("Body", "STOP"),
    ];
    for request in [
        twilio(TWILIO_STATUS, "demo", &format!("m={}", sent[0]), &form(&status)),
        twilio(TWILIO_INBOUND, "demo", "", &form(&stop)),
    ] {
        assert_eq!(world.request(&request).await.status, 403, "{}", request.route);
    }
    for request in [
        read_on_whatsapp("demo", OTHER_NUMBER, &sent[0]),
        writes_on_whatsapp("demo", OTHER_NUMBER, "W1", "STOP"),
    ] {
        assert_eq!(world.request(&request).await.status, 200);
    }
    world.drain().await;
    assert_eq!(rows(world).await.differences(&before), [].into());
}

#[tokio::test]
async fn a_call_that_comes_again_changes_nothing_however_late() {
    let (inhabited, sent) = two_organisations().await;
    let world = &inhabited.world;
    let of = |channel: Channel| {
        let seen = world.provider.accepted().into_iter().rev().find(|seen| seen.channel == channel);
        seen.expect("a message").message_id.to_string()
    };
    assert_eq!(sent.len(), 2);
    let (sms, whats) = (of(Channel::Sms), of(Channel::WhatsApp));
    let queued = json!([{ "id": "wamid.9", "status": "sent", "timestamp": "1796115600", "biz_opaque_callback_data": whats }]);
    let preference = |value: &str, at: i64| {
        let preference = json!([{ "wa_id": "64212410100", "category": "marketing_messages", "value": value, "timestamp": at }]);
        whatsapp("demo", &meta(NUMBER, "user_preferences", &preference))
    };
    let at = domain::Clock::now(world.clock.as_ref()).secs();
    let calls = [
        whatsapp("demo", &meta(NUMBER, "statuses", &queued)),
        delivered("demo", &sms),
        read_on_whatsapp("demo", NUMBER, &whats),
        writes("demo", "SM20", "STOP"),
        writes("demo", "SM21", "START"),
        writes("demo", "SM22", "Which hall?"),
        writes_on_whatsapp("demo", NUMBER, "W20", "STOP"),
        writes_on_whatsapp("demo", NUMBER, "W21", "START"),
        preference("stop", at + 60),
        preference("resume", at + 120),
    ];
    for call in &calls {
        world.clock.advance(Duration::from_secs(30));
        assert!(world.request(call).await.status < 300);
        world.drain().await;
    }
    settle(world).await;
    let before = rows(world).await;
    for pause in [Duration::ZERO, Duration::from_hours(24), Duration::from_hours(24 * 300)] {
        world.clock.advance(pause);
        for call in calls.iter().chain(calls.iter().rev()) {
            assert!(world.request(call).await.status < 300);
            world.drain().await;
        }
        let after = rows(world).await;
        let differences = after.differences(&before);
        assert!(differences.is_empty(), "after {pause:?}: {differences:?}");
    }
    world.purge();
}
