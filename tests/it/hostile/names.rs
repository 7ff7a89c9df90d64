//! Line breaks, and characters that nobody sees, in what people read.

use serde_json::{Value, json};
use testing::World;

use super::Call;

/// Characters that start a new line, end a text or turn it around.
const REFUSED_IN_LINES: [char; 14] = [
    '\0', '\n', '\r', '\u{b}', '\u{1b}', '\u{7f}', '\u{85}', '\u{2028}', '\u{2029}', '\u{202a}', '\u{202e}',
    '\u{2066}', '\u{2069}', '\t',
];

/// Bodies with one line of text that people read or that goes into a header; `#` stands for it.
fn lines() -> Vec<Call> {
    let member = |name: &str| json!({ name: "a#b" });
    let organisation = |name: &str| {
        let mut body = json!({ "name": "St Mark", "country": "NZ" });
        body[name] = "a#b".into();
        body
    };
    let mut all: Vec<_> = ["first_names", "last_names", "email", "primary_phone", "secondary_phone"]
        .map(|name| ("PUT /members/{id}", vec![("id", "m1")], member(name)))
        .into();
    all.push(("PUT /members/{id}", vec![("id", "m1")], json!({ "unit": { "id": "u", "name": "a#b" } })));
    all.extend(["name", "time_zone"].map(|name| ("PUT /organisation", Vec::new(), organisation(name))));
    let mut mailbox = organisation("reply_to");
    mailbox["reply_to"] = "a#b <a@example.org>".into();
    all.push(("PUT /organisation", Vec::new(), mailbox.clone()));
    mailbox["reply_to"] = "Name <a@exam#ple.org>".into();
    all.push(("PUT /organisation", Vec::new(), mailbox));
    let channel = |body: Value| ("PUT /channels/{channel}", vec![("channel", "email")], body);
    all.push(channel(json!({ "sender": "St#Mark <office@stmark.example.org>" })));
    all.push(channel(json!({ "sender": "St Mark <office@stmark.exam#ple.org>" })));
    all.push(channel(json!({ "reply_to": "St#Mark <office@stmark.example.org>" })));
    let template = |name: &str| {
        let mut body = json!({ "channel": "email", "name": "N", "subject": "S", "body": "B" });
        body[name] = "a#b".into();
        ("PUT /templates/{id}", vec![("id", "t")], body)
    };
    all.extend(["name", "subject", "language"].map(template));
    let mail = json!({ "channel": "email", "subject": "a#b", "body": "B" });
    let send = json!({ "type": "send_message", "target_ids": ["m1"], "messages": [mail] });
    all.push(("POST /bulk-actions", Vec::new(), send.clone()));
    all.push(("POST /bulk-actions/preview", Vec::new(), send));
    let single = json!({ "member_id": "m1", "channel": "email", "subject": "a#b", "body": "B" });
    all.push(("POST /messages", Vec::new(), single));
    all
}

#[tokio::test]
async fn a_line_that_would_break_or_turn_around_what_stands_beside_it_is_refused() {
    let world = World::start().await;
    world.members(2).await;
    let contents = world.contents();
    let before = contents.read().await;
    for (route, path, body) in lines() {
        for character in REFUSED_IN_LINES {
            let hostile = body.to_string().replace('#', &format!("\\u{:04x}", u32::from(character)));
            let reply = world.call(route, &path, serde_json::from_str(&hostile).expect("JSON")).await;
            assert_eq!(reply.status, 422, "{route} {body} with {character:?}: {}", reply.body);
            assert!(!reply.body.contains(character), "the answer does not repeat it: {}", reply.body);
        }
    }
    assert_eq!(contents.read().await, before);
}

#[tokio::test]
async fn what_scripts_and_emoji_need_is_kept_as_it_is() {
    let world = World::start().await;
    // Persian with its non-joiner, Hebrew with its mark, a family of joined emoji, combining accents.
    for name in ["می\u{200c}خواهم", "\u{200f}שלום\u{200e}", "\u{1f469}\u{200d}\u{1f467}", "e\u{301}"]
    {
        let written = world.ok("PUT /members/{id}", &[("id", "m1")], json!({ "first_names": name })).await;
        assert_eq!(written["first_names"], name);
    }
}

#[tokio::test]
async fn a_value_with_line_breaks_stays_on_the_one_line_of_a_subject() {
    let world = World::start().await;
    let note = "a\r\nBcc: x@example.org\r\n\r\n<html>";
    world.member("m1", json!({ "email": "ana@example.org", "fields": { "note": note } })).await;
    let mail = json!({ "channel": "email", "subject": "{{member.fields.note}}", "body": "Hi" });
    let body = json!({ "type": "send_message", "target_ids": ["m1"], "messages": [mail] });
    let preview = world.ok("POST /bulk-actions/preview", &[], body).await;
    assert_eq!(preview["samples"][0]["subject"], "a  Bcc: x@example.org    <html>");
}
