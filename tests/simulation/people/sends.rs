//! What people ask to be sent, and how they follow it.

use std::time::Duration;

use domain::{BulkActionId, Channel};
use serde_json::{Value, json};
use testing::World;
use wire::api::http::Request;

use super::People;
use crate::simulation::core::About;

/// Something that was asked for once, however often the call was repeated.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Its text begins with this, which no other's does.
    pub(crate) tag: String,
    pub(crate) what: What,
    /// What was accepted, if an answer said so.
    pub(crate) accepted: Option<String>,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Bulk,
    Retry(BulkActionId),
    Single,
    Reply,
}

pub(super) fn keyed(mut request: Request, key: &str) -> Request {
    request.headers.insert("idempotency-key".to_owned(), key.to_owned());
    request
}

impl People {
    /// A bulk send, to some or all.
    pub(super) async fn send(&self, number: usize) {
        let dice = &self.host.core.dice;
        let tag = format!("A{number}");
        let mut channels = Channel::ALL.to_vec();
        dice.shuffle(&mut channels);
        channels.truncate(if dice.happens(0.7) { 1 } else { dice.count(1, 3) });
        let messages: Vec<Value> = channels.iter().map(|channel| message(*channel, &tag)).collect();
        let mut body = json!({ "type": "send_message", "messages": messages });
        if dice.happens(0.3) {
            body["selection"] = json!({ "all_matching": {} });
        } else {
            let some: Vec<&str> =
                self.members.iter().filter(|_| dice.happens(0.9)).map(|member| member.id.as_str()).collect();
            body["target_ids"] = if some.is_empty() { json!(["m0"]) } else { json!(some) };
        }
        if channels.len() > 1 && dice.happens(0.5) {
            body["routing"] = json!("first_reachable");
        }
        if dice.happens(0.3) {
            body["dedupe"] = json!("address");
        }
        if dice.happens(0.3) {
            let at = self.host.core.time.now() + Duration::from_secs(dice.between(1, 400));
            body["schedule_at"] = json!(at.to_string());
        }
        let expires = Duration::from_mins(dice.between(15, 40));
        body["expires_at"] = json!((self.host.core.time.now() + expires).to_string());
        self.note(format!("asks for {tag} to {} on {channels:?}", body["target_ids"]));
        let request = keyed(World::as_somebody("POST /bulk-actions", &[], &body), &tag);
        self.create(&tag, What::Bulk, &request).await;
    }

    /// Asks, perhaps twice at once; remembers what came of it.
    pub(super) async fn create(&self, tag: &str, what: What, request: &Request) -> Option<String> {
        let (first, second) = if self.host.core.fault(self.host.core.faults.redelivery) {
            let (first, second) = futures_util::future::join(self.ask(request), self.ask(request)).await;
            (first, Some(second))
        } else {
            (self.ask(request).await, None)
        };
        let ids: Vec<String> =
            [first, second.flatten()].into_iter().filter_map(|answer| self.accepted(tag, answer?)).collect();
        if let [one, other] = ids.as_slice()
            && one != other
        {
            let what = format!("one key made two resources: {one} and {other}");
            self.host.core.violated("P6", About::Key(one.clone()), what);
        }
        let accepted = ids.into_iter().next();
        let asked = Asked { tag: tag.to_owned(), what, accepted: accepted.clone() };
        self.memory.borrow_mut().asked.push(asked);
        accepted
    }

    fn accepted(&self, tag: &str, (status, body): (u16, Value)) -> Option<String> {
        self.note(format!("{tag}: {status} {} {}", body["id"], body["type"]));
        let id = body["id"].as_str()?;
        (status == 202).then(|| id.to_owned())
    }

    /// An action that was accepted, if there is one.
    pub(super) fn an_action(&self) -> Option<(String, BulkActionId)> {
        let memory = self.memory.borrow();
        let bulk = |asked: &&Asked| matches!(asked.what, What::Bulk | What::Retry(_));
        let all: Vec<(String, BulkActionId)> = memory
            .asked
            .iter()
            .filter(bulk)
            .filter_map(|asked| Some((asked.tag.clone(), asked.accepted.as_ref()?.parse().ok()?)))
            .collect();
        (!all.is_empty()).then(|| self.host.core.dice.pick(&all).clone())
    }

    pub(super) async fn retry(&self) {
        let Some((tag, id)) = self.an_action() else { return };
        let dice = &self.host.core.dice;
        let scope = *dice.pick(&["failed", "unconfirmed", "all"]);
        let number = self.memory.borrow().asked.len();
        self.note(format!("retries {id}, {scope}"));
        let text = id.to_string();
        let request = || {
            World::as_somebody("POST /bulk-actions/{id}/retry", &[("id", &text)], &json!({ "scope": scope }))
        };
        let one = keyed(request(), &format!("retry{number}a"));
        if dice.happens(0.5) {
            let other = keyed(request(), &format!("retry{number}b"));
            futures_util::future::join(
                self.create(&tag, What::Retry(id), &one),
                self.create(&tag, What::Retry(id), &other),
            )
            .await;
        } else {
            self.create(&tag, What::Retry(id), &one).await;
        }
    }

    pub(super) async fn cancel(&self) {
        let Some((tag, id)) = self.an_action() else { return };
        self.note(format!("cancels {tag}, {id}"));
        let request =
            World::as_somebody("POST /bulk-actions/{id}/cancel", &[("id", &id.to_string())], &json!({}));
        if let Some((status, body)) = self.ask(&request).await {
            self.note(format!("cancel of {id}: {status} {}", body["current_status"]));
            if status == 200 {
                self.memory.borrow_mut().cancelled.push(id);
            }
        }
    }

    pub(super) async fn single(&self, number: usize) {
        let tag = format!("S{number}");
        let channel = *self.host.core.dice.pick(&[Channel::Sms, Channel::Email]);
        let mut body = message(channel, &tag);
        body["member_id"] = json!(self.host.core.dice.pick(&self.members).id);
        self.note(format!("asks for {tag} to {}", body["member_id"]));
        let request = keyed(World::as_somebody("POST /messages", &[], &body), &tag);
        self.create(&tag, What::Single, &request).await;
    }

    /// Answers the latest conversation, if there is one.
    pub(super) async fn reply(&self, number: usize) {
        let tag = format!("R{number}");
        let list = World::as_somebody("GET /conversations", &[], &Value::Null);
        let Some((200, list)) = self.ask(&list).await else { return };
        let Some(id) = list["items"][0]["id"].as_str() else { return };
        self.note(format!("replies {tag} in {id}"));
        let body = json!({ "body": tag });
        let request = World::as_somebody("POST /conversations/{id}/messages", &[("id", id)], &body);
        self.create(&tag, What::Reply, &keyed(request, &tag)).await;
    }

    /// Looks at actions for a while: in every read the parts add up to the total.
    pub(super) async fn watch(&self) {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(self.host.core.dice.between(1, 20))).await;
            let Some((_, id)) = self.an_action() else { continue };
            let request =
                World::as_somebody("GET /bulk-actions/{id}", &[("id", &id.to_string())], &Value::Null);
            if let Some((200, action)) = self.ask(&request).await {
                crate::simulation::checks::adds_up(&self.host.core, &action);
            }
        }
    }
}

/// A message whose text begins with `tag` and ends with the recipient's name.
pub(super) fn message(channel: Channel, tag: &str) -> Value {
    let body = format!("{tag} {{{{member.first_names}}}}");
    match channel {
        Channel::Sms => json!({ "channel": "sms", "body": body }),
        Channel::Email => json!({ "channel": "email", "subject": "Sunday", "body": body }),
        Channel::WhatsApp => json!({
            "channel": "whatsapp", "template_id": "note",
            "parameters": { "1": tag, "2": "{{member.first_names}}" },
        }),
    }
}
