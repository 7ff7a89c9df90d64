//! A directory on an embedded engine of its own, and callers of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::member::Address;
use domain::permission::Caller;
use domain::{Channel, Clock, MemberId, OrgId, Timestamp};
use engine::{Engine, EngineOptions};
use serde_json::{Value, json};
use store::Store;
use store::directory::{AddressKeys, UnsubscribeTokens};
use wire::api::http::{Reply, Request};

use crate::manage_directory::{Directory, handle};
use crate::unsubscribe::Unsubscribe;

pub(crate) const EVERYTHING: &str =
    "members.view members.edit messaging.send messaging.view messaging.manage";
const ROUTE_PARAMETERS: [&str; 2] = ["id", "channel"];

/// Seconds that a test moves.
#[derive(Default)]
pub(crate) struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct World {
    _engine: Engine,
    pub(crate) store: Store,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) tokens: UnsubscribeTokens,
}

impl World {
    pub(crate) async fn start() -> Self {
        let engine = Engine::start(EngineOptions::default()).unwrap();
        let keys = AddressKeys::new(&[7; 32]).unwrap();
        let store = store::test_engine::directory(&engine.dynamodb_url(), keys.clone()).await;
        let world =
            Self { _engine: engine, store, clock: Arc::default(), tokens: UnsubscribeTokens::new(keys) };
        world.at(1_764_000_000);
        world
    }

    /// It is this time from now on, in seconds since 1970.
    pub(crate) fn at(&self, secs: i64) {
        self.clock.0.store(secs, Ordering::SeqCst);
    }

    pub(crate) fn directory(&self) -> Directory {
        Directory { store: self.store.clone(), clock: self.clock.clone(), notes: crate::Notes::default() }
    }

    pub(crate) fn unsubscribe(&self) -> Unsubscribe {
        Unsubscribe {
            store: self.store.clone(),
            clock: self.clock.clone(),
            notes: crate::Notes::default(),
            tokens: self.tokens.clone(),
        }
    }

    pub(crate) async fn send(&self, request: &Request) -> Reply {
        handle(&self.directory(), request).await
    }

    /// `call` is a method and a path, e.g. `GET /members/m1?x=y`, by someone of organisation `demo` who may do everything.
    pub(crate) async fn call(&self, call: &str, body: Value) -> (u16, Value) {
        self.call_as("demo", EVERYTHING, call, body).await
    }

    pub(crate) async fn call_as(
        &self,
        org: &str,
        permissions: &str,
        call: &str,
        body: Value,
    ) -> (u16, Value) {
        let mut request = request(org, permissions, call);
        if !body.is_null() {
            request.body = body.to_string().into_bytes();
        }
        parsed(&self.send(&request).await)
    }

    pub(crate) async fn import(&self, content_type: &str, body: impl Into<Vec<u8>>) -> (u16, Value) {
        let mut request = request("demo", EVERYTHING, "POST /members/import");
        request.headers.insert("content-type".into(), content_type.into());
        request.body = body.into();
        parsed(&self.send(&request).await)
    }

    /// All pages of a list.
    pub(crate) async fn all(&self, call: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut next = String::new();
        loop {
            let (status, page) = self.call(&format!("{call}{next}"), Value::Null).await;
            assert_eq!(status, 200, "{page}");
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                None => return all,
                Some(cursor) => next = format!("&cursor={cursor}"),
            }
        }
    }

    /// Whether gate 1 keeps messages on `channel` from a member.
    pub(crate) async fn is_out(&self, id: &str, channel: Channel) -> bool {
        let id: MemberId = id.parse().unwrap();
        let found = self.store.members_by_id(&org(), std::slice::from_ref(&id), "GB").await.unwrap();
        found[&id].opted_out.contains(&channel)
    }
}

pub(crate) fn org() -> OrgId {
    "demo".parse().unwrap()
}

pub(crate) fn address(text: &str) -> Address {
    Address::stored(text.into())
}

/// A request as the gateway passes it on.
pub(crate) fn request(org: &str, permissions: &str, call: &str) -> Request {
    let (method, target) = call.split_once(' ').unwrap();
    let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
    let (route, path) = routed(path);
    Request {
        route: format!("{method} {route}"),
        path,
        raw_query: raw_query.into(),
        headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
        body: Vec::new(),
        caller: Some(Caller {
            sub: "u1".into(),
            org_id: org.parse().unwrap(),
            permissions: Caller::parse_permissions(permissions),
        }),
    }
}

/// `/members/m1/opt-outs/sms` as `/members/{id}/opt-outs/{channel}` with its parameters.
fn routed(path: &str) -> (String, BTreeMap<String, String>) {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let mut names: Vec<&str> = if parts[0] == "channels" { vec!["channel"] } else { ROUTE_PARAMETERS.into() };
    let mut values = BTreeMap::new();
    let mut route = vec![String::new()];
    for (place, part) in parts.iter().enumerate() {
        if place % 2 == 1 && *part != "import" {
            let name = names.remove(0);
            values.insert(name.to_owned(), (*part).to_owned());
            route.push(format!("{{{name}}}"));
        } else {
            route.push((*part).to_owned());
        }
    }
    (route.join("/"), values)
}

fn parsed(reply: &Reply) -> (u16, Value) {
    let body = if reply.body.is_empty() { Value::Null } else { serde_json::from_str(&reply.body).unwrap() };
    (reply.status, body)
}

/// Field and code of each error of a problem.
pub(crate) fn errors(problem: &Value) -> Vec<(&str, &str)> {
    problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["field"].as_str().unwrap_or("-"), error["code"].as_str().unwrap()))
        .collect()
}

/// An organisation that reads phones as British.
pub(crate) async fn set_up(world: &World) {
    let (status, _) = world.call("PUT /organisation", json!({"name": "St Mark & Co", "country": "GB"})).await;
    assert_eq!(status, 201);
}
