//! What a caller asks of the API, and what a member does.

use std::collections::BTreeMap;

use domain::permission::Caller;
use domain::{BulkActionId, Clock};
use serde_json::{Value, json};
use wire::api::http::{Reply, Request};

use super::World;
use crate::conformance;
use crate::inbound::Writes;

/// Everybody's permissions.
const ALL: &str = "members.view members.edit messaging.send messaging.view messaging.manage";

impl World {
    /// Calls the API as somebody who may do everything.
    pub async fn call(&self, route: &str, path: &[(&str, &str)], body: Value) -> Reply {
        self.request(&Self::as_somebody(route, path, &body)).await
    }

    /// A call of the API by somebody who may do everything.
    pub fn as_somebody(route: &str, path: &[(&str, &str)], body: &Value) -> Request {
        Request {
            route: route.to_owned(),
            path: path.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
            caller: Some(Caller {
                sub: "tester".into(),
                org_id: Self::org(),
                permissions: Caller::parse_permissions(ALL),
            }),
            ..Request::default()
        }
    }

    /// Calls the API with a caller's `Idempotency-Key`.
    pub async fn call_once(&self, key: &str, route: &str, path: &[(&str, &str)], body: Value) -> Reply {
        let mut request = Self::as_somebody(route, path, &body);
        request.headers.insert("idempotency-key".to_owned(), key.to_owned());
        self.request(&request).await
    }

    /// A member writes. The provider's webhook is signed as the provider signs it.
    pub async fn inbound(&self, writes: &Writes) -> Reply {
        self.request(&writes.request(self.clock.now())).await
    }

    /// Calls the API with a query string.
    pub async fn request_query(&self, route: &str, query: &str) -> Reply {
        let mut request = Self::as_somebody(route, &[], &Value::Null);
        query.clone_into(&mut request.raw_query);
        self.request(&request).await
    }

    /// Calls the API with any request, and holds the answer to `infra/openapi.yaml`.
    ///
    /// # Panics
    /// If the answer is not described there.
    pub async fn request(&self, request: &Request) -> Reply {
        // Boxed: the functions of all routes together would make every test large.
        let reply = Box::pin(self.answer(request)).await;
        if let Err(violation) = conformance::contract().check(&request.route, &reply) {
            panic!("{violation}");
        }
        reply
    }

    /// What the function that `infra/openapi.yaml` names for the route answers, held to nothing.
    ///
    /// # Panics
    /// If the world has no such function.
    pub async fn answer(&self, request: &Request) -> Reply {
        self.functions.answer(request).await
    }

    /// Calls the API and expects success.
    ///
    /// # Panics
    /// If the answer is a problem.
    pub async fn ok(&self, route: &str, path: &[(&str, &str)], body: Value) -> Value {
        let reply = self.call(route, path, body).await;
        assert!(reply.status < 300, "{route}: {} {}", reply.status, reply.body);
        serde_json::from_str(&reply.body).unwrap_or(Value::Null)
    }

    /// Writes a member.
    pub async fn member(&self, id: &str, fields: Value) {
        self.ok("PUT /members/{id}", &[("id", id)], fields).await;
    }

    /// Writes `count` members `m0`, `m1`, ... with a first name, a phone and an email each.
    ///
    /// # Panics
    /// If one is refused.
    pub async fn members(&self, count: usize) -> Vec<String> {
        let members: Vec<Value> = (0..count)
            .map(|i| json!({
                "id": format!("m{i}"), "first_names": format!("Ana{i}"), "email": format!("ana{i}@example.org"),
                "primary_phone": format!("+6421{:07}", 1_000_000 + i),
            }))
            .collect();
        for some in members.chunks(5000) {
            let imported = self.ok("POST /members/import", &[], json!({ "members": some })).await;
            assert_eq!(imported["imported"], some.len(), "{imported}");
        }
        members.iter().map(|member| member["id"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Sends an SMS to members; answers the action's id.
    pub async fn send_sms(&self, to: &[String], text: &str) -> BulkActionId {
        self.send(json!({ "target_ids": to, "messages": [{ "channel": "sms", "body": text }] })).await
    }

    /// Creates an action; answers its id.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn send(&self, mut body: Value) -> BulkActionId {
        body["type"] = json!("send_message");
        let action = self.ok("POST /bulk-actions", &[], body).await;
        action["id"].as_str().and_then(|id| id.parse().ok()).expect("an action's id")
    }

    /// An action as the API shows it.
    pub async fn action(&self, id: BulkActionId) -> Value {
        self.ok("GET /bulk-actions/{id}", &[("id", &id.to_string())], Value::Null).await
    }
}
