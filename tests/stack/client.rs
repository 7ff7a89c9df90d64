//! A caller of the running stack.

use std::time::Duration;

use local::Stack;
use local::jwt::Grant;
use serde_json::Value;

pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    /// Somebody of the demo organisation who may do everything.
    pub(crate) fn of(stack: &Stack) -> Self {
        let permissions =
            ["members.view", "members.edit", "messaging.send", "messaging.view", "messaging.manage"];
        let grant = Grant {
            org_id: "demo".into(),
            sub: "tester".into(),
            permissions: permissions.map(str::to_owned).into(),
            ttl: Duration::from_hours(1),
        };
        let http = channels::http_client().expect("a client");
        Self { http, base: stack.base_url().to_owned(), token: stack.token(&grant).expect("a token") }
    }

    async fn json(&self, request: reqwest::RequestBuilder, expected: &[u16]) -> Value {
        let answer = request.bearer_auth(&self.token).send().await.expect("the stack answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a text");
        assert!(expected.contains(&status), "{status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.json(self.http.get(format!("{}{path}", self.base)), &[200]).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        self.json(self.http.put(format!("{}{path}", self.base)).json(&body), &[200, 201, 204]).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value, expected: u16) -> Value {
        self.json(self.http.post(format!("{}{path}", self.base)).json(&body), &[expected]).await
    }

    /// The status of a call without a body, with a token of its own or none.
    pub(crate) async fn status(&self, method: &str, path: &str, token: Option<&str>) -> u16 {
        let request = self.http.request(method.parse().expect("a method"), format!("{}{path}", self.base));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.expect("the stack answers").status().as_u16()
    }

    /// The action, once nothing of it is pending; counts add up in every read on the way.
    pub(crate) async fn settled(&self, id: &str) -> Value {
        for _ in 0..240 {
            let action = self.get(&format!("/bulk-actions/{id}")).await;
            let of = |name: &str| action[name].as_u64().expect("a count");
            let parts =
                ["success_count", "failed_count", "skipped_count", "unconfirmed_count", "pending_count"];
            assert_eq!(of("total"), parts.iter().map(|name| of(name)).sum::<u64>());
            if ["completed", "partial", "failed"].contains(&action["status"].as_str().unwrap_or_default()) {
                return action;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("{id} did not settle: {}", self.get(&format!("/bulk-actions/{id}")).await);
    }

    /// All messages of an action.
    pub(crate) async fn messages(&self, id: &str) -> Vec<Value> {
        self.all(&format!("/messages?bulk_action_id={id}&limit=200")).await
    }

    /// All pages of a list.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{cursor}")).await;
            all.extend(page["items"].as_array().expect("items").clone());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }
}
