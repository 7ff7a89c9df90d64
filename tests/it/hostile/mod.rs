//! Hostile input, on every route: whatever comes, the answer is as `infra/openapi.yaml` describes it and never a 5xx, nothing panics, and a
//! request that is refused has changed nothing.

mod bodies;
mod cursors;
mod elsewhere;
mod names;
mod nonsense;
mod parsers;
mod signed;
mod sizes;
mod templates;
mod values;
mod webhooks;

use domain::permission::Caller;
use serde_json::{Value, json};
use testing::conformance::contract;
use testing::{Contents, World, Writes};
use wire::api::http::{Reply, Request};

use crate::support::settle;

/// A route, its path's parameters and a body.
type Call = (&'static str, Vec<(&'static str, &'static str)>, Value);

/// An organisation's everything: members, templates, a send that is settled and one that is scheduled, a conversation.
struct Inhabited {
    world: World,
    action: String,
    scheduled: String,
    message: String,
    conversation: String,
    unsubscribe: String,
}

impl Inhabited {
    async fn start() -> Self {
        Box::pin(Self::set_up()).await
    }

    async fn set_up() -> Self {
        let world = World::start().await;
        for (number, id) in ["m001", "m002", "m003", "m004"].into_iter().enumerate() {
            let member = json!({
                "first_names": "Ana", "last_names": "Öz", "primary_phone": format!("+6421241010{number}"),
                "email": format!("ana{number}@example.org"), "unit": { "id": "choir", "name": "Choir" },
            });
            world.member(id, member).await;
        }
        let slot = |position: u32| json!({ "position": position, "component": "body" });
        let reminder = json!({
            "channel": "whatsapp", "name": "service_reminder", "language": "en", "body": "Hi {{1}}, at {{2}}",
            "parameters": [slot(1), slot(2)],
        });
        world.ok("PUT /templates/{id}", &[("id", "service_reminder")], reminder).await;
        let reminder = json!({ "channel": "sms", "name": "Reminder", "body": "At 10:00" });
        world.ok("PUT /templates/{id}", &[("id", "sms_reminder")], reminder).await;
        let action =
            world.send_sms(&["m001", "m002", "nobody", "no-one"].map(str::to_owned), "Hi").await.to_string();
        let mail = json!({ "channel": "email", "subject": "Sunday", "body": "Hi" });
        world.send(json!({ "target_ids": ["m003"], "messages": [mail] })).await;
        settle(&world).await;
        let later = json!({
            "target_ids": ["m001"], "messages": [{ "channel": "sms", "body": "Hi" }], "schedule_at": "2027-01-01T00:00:00Z",
        });
        let scheduled = world.send(later).await.to_string();
        world.inbound(&Writes::sms("+64212410100", "SM1", "Which hall?")).await;
        world.inbound(&Writes::sms("+64212410100", "SM2", "And when?")).await;
        world.inbound(&Writes::sms("+64212410101", "SM3", "Thanks")).await;
        let first = async |route: &str, path: &[(&str, &str)]| {
            let list = world.ok(route, path, Value::Null).await;
            list["items"][0].clone()
        };
        let failed = first("GET /bulk-actions/{id}/failed-items", &[("id", &action)]).await;
        let conversation = first("GET /conversations", &[]).await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let link =
            world.provider.accepted().into_iter().find_map(|seen| seen.unsubscribe_url).expect("a link");
        let unsubscribe = link.rsplit('/').next().expect("a token").to_owned();
        Self {
            action,
            scheduled,
            message: text(&failed["message_id"]),
            conversation: text(&conversation["id"]),
            unsubscribe,
            world,
        }
    }

    /// A good value for each of the route's parameters.
    fn path(&self, route: &str) -> Vec<(&'static str, String)> {
        let mut path = Vec::new();
        if route.contains("{id}") {
            let id = match route {
                _ if route.contains("/cancel") => &self.scheduled,
                _ if route.contains("/bulk-actions/") => &self.action,
                _ if route.contains("/messages/{id}") => &self.message,
                _ if route.contains("/conversations/") => &self.conversation,
                _ if route.contains("/templates/") => "service_reminder",
                _ => "m001",
            };
            path.push(("id", id.to_owned()));
        }
        if route.contains("{channel}") {
            path.push(("channel", "sms".to_owned()));
        }
        if route.contains("{org_id}") {
            path.push(("org_id", "demo".to_owned()));
        }
        if route.contains("{token}") {
            path.push(("token", self.unsubscribe.clone()));
        }
        path
    }

    /// A request of somebody who may do everything, with a body where the route takes one.
    fn request(&self, route: &str) -> Request {
        let permissions = "members.view members.edit messaging.send messaging.view messaging.manage";
        Request {
            route: route.to_owned(),
            path: self.path(route).into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
            body: if route.starts_with("GET") { Vec::new() } else { b"{}".to_vec() },
            caller: Some(Caller {
                sub: "tester".into(),
                org_id: World::org(),
                permissions: Caller::parse_permissions(permissions),
            }),
            ..Request::default()
        }
    }
}

/// Every route: first those that ask and send, then those that change what the others need.
fn routes() -> Vec<&'static str> {
    let (last, mut first): (Vec<_>, Vec<_>) =
        contract().routes().map(|(route, _)| route).partition(|route| {
            route.starts_with("PUT") || route.starts_with("DELETE") || route.ends_with("/erase")
        });
    first.extend(last);
    first
}

/// Refused requests whose effects are looked for together.
const TOGETHER: usize = 200;
/// Bytes of such requests at most.
const TOGETHER_BYTES: usize = 16 * 1024 * 1024;

/// Sends requests and holds every answer, and what it left behind, to what hostile input may come to.
struct Watch<'a> {
    world: &'a World,
    contents: Contents<'a>,
    /// Requests that were refused, to be sent once more between two looks at everything that is stored.
    unchecked: Vec<(String, Request)>,
    unchecked_bytes: usize,
    sent: usize,
    refused: usize,
    wrong: Vec<String>,
}

impl<'a> Watch<'a> {
    fn new(world: &'a World) -> Self {
        let contents = world.contents();
        Self {
            world,
            contents,
            unchecked: Vec::new(),
            unchecked_bytes: 0,
            sent: 0,
            refused: 0,
            wrong: Vec::new(),
        }
    }

    /// Sends a request; `what` says in a failure which it was.
    async fn send(&mut self, what: &str, request: &Request) -> Reply {
        let reply = self.world.answer(request).await;
        self.sent += 1;
        let what = format!("{} with {what}", request.route);
        // The gateway answers whoever has no token; a function is only asked here.
        let by_gateway = reply.status == 401 && request.caller.is_none();
        if reply.status >= 500 {
            self.wrong.push(format!("{what}: {} {}", reply.status, reply.body));
        } else if let Err(violation) = contract().check(&request.route, &reply)
            && !by_gateway
        {
            self.wrong.push(format!("{what}: {violation}"));
        }
        if reply.status == 429 {
            self.world.clock.advance(std::time::Duration::from_mins(2));
        }
        if (400..500).contains(&reply.status) {
            self.refused += 1;
            self.unchecked_bytes += request.body.len();
            self.unchecked.push((what, request.clone()));
            if self.unchecked.len() >= TOGETHER || self.unchecked_bytes >= TOGETHER_BYTES {
                self.check().await;
            }
        }
        reply
    }

    /// Sends what was refused once more, and looks whether that changes anything: together, and if it does one by one.
    async fn check(&mut self) {
        let unchecked = std::mem::take(&mut self.unchecked);
        self.unchecked_bytes = 0;
        let before = self.contents.read().await;
        let mut accepted = false;
        for (_, request) in &unchecked {
            accepted |= self.world.answer(request).await.status < 400;
        }
        if !accepted && before == self.contents.read().await {
            return;
        }
        for (what, request) in &unchecked {
            let before = self.contents.read().await;
            let reply = self.world.answer(request).await;
            let after = self.contents.read().await;
            if reply.status >= 400 && before != after {
                let differences = after.differences(&before);
                self.wrong.push(format!("{what}: {} and yet it changed {differences:?}", reply.status));
            }
        }
    }

    /// # Panics
    /// If anything was not as it should be.
    async fn finish(self) {
        let (refused, sent) = self.finish_accepted().await;
        assert!(refused > sent / 4, "hostile input is refused: {refused} of {sent}");
    }

    /// The same where what is hostile is to be acknowledged. Answers how much was refused, and of how much.
    ///
    /// # Panics
    /// If anything was not as it should be.
    async fn finish_accepted(mut self) -> (usize, usize) {
        self.check().await;
        self.world.purge();
        let shown: Vec<&str> = self.wrong.iter().map(String::as_str).take(40).collect();
        assert!(shown.is_empty(), "{} of {}:\n{}", self.wrong.len(), self.sent, shown.join("\n"));
        (self.refused, self.sent)
    }
}
