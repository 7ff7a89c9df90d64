//! A running twin, and a receiver in the place of the system's webhooks.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use simulators::{Options, Simulators};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub(crate) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub(crate) const AUTH_TOKEN: &str = "twilio-token";
pub(crate) const NUMBER: &str = "+15005550006";
pub(crate) const PHONE_ID: &str = "106540352242922";
pub(crate) const ACCESS_TOKEN: &str = "meta-token";
pub(crate) const APP_SECRET: &str = "meta-secret";
pub(crate) const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:ses-events";

/// Nothing that is awaited takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A webhook call as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    pub(crate) fn field(&self, name: &str) -> String {
        self.form().into_iter().find(|(key, _)| key == name).map(|(_, value)| value).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Clone)]
struct Receiver {
    calls: mpsc::UnboundedSender<Call>,
    /// What to answer next; then 200.
    answers: Arc<Mutex<VecDeque<u16>>>,
}

async fn receive(
    State(receiver): State<Receiver>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let is_subscription =
        headers.get("x-amz-sns-message-type").is_some_and(|kind| kind == "SubscriptionConfirmation");
    let status = if is_subscription { None } else { receiver.answers.lock().unwrap().pop_front() };
    drop(receiver.calls.send(Call { target: uri.to_string(), headers, body }));
    (StatusCode::from_u16(status.unwrap_or(200)).unwrap(), "<Response/>".to_owned())
}

/// Where the twins post to.
pub(crate) struct Hooks {
    pub(crate) url: String,
    calls: mpsc::UnboundedReceiver<Call>,
    aside: VecDeque<Call>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Hooks {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, calls) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(VecDeque::new()));
        let app = Router::new()
            .fallback(receive)
            .with_state(Receiver { calls: sender, answers: Arc::clone(&answers) });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, calls, aside: VecDeque::new(), answers }
    }

    /// The next calls get these statuses.
    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    /// The first call, of those not yet taken, that fits; the others stay.
    pub(crate) async fn take(&mut self, fits: impl Fn(&Call) -> bool) -> Call {
        if let Some(index) = self.aside.iter().position(&fits) {
            return self.aside.remove(index).unwrap();
        }
        loop {
            let call = tokio::time::timeout(PATIENCE, self.calls.recv()).await;
            let call = call.unwrap_or_else(|_| panic!("no such call; others: {:?}", self.targets())).unwrap();
            if fits(&call) {
                return call;
            }
            self.aside.push_back(call);
        }
    }

    pub(crate) async fn take_path(&mut self, path: &str) -> Call {
        self.take(|call| call.target.split('?').next() == Some(path)).await
    }

    /// Calls that arrived, were not taken and fit.
    pub(crate) fn left(&mut self, fits: impl Fn(&Call) -> bool) -> usize {
        while let Ok(call) = self.calls.try_recv() {
            self.aside.push_back(call);
        }
        self.aside.iter().filter(|call| fits(call)).count()
    }

    fn targets(&self) -> Vec<&str> {
        self.aside.iter().map(|call| call.target.as_str()).collect()
    }
}

/// One running twin under `/sim`.
pub(crate) struct Stage {
    pub(crate) hooks: Hooks,
    pub(crate) running: Running,
}

pub(crate) struct Running {
    /// `http://127.0.0.1:PORT/sim`.
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
    simulators: Simulators,
    server: JoinHandle<()>,
}

pub(crate) fn secrets() -> Value {
    json!({
        "demo/twilio": {"account_sid": ACCOUNT, "auth_token": AUTH_TOKEN},
        "demo/whatsapp": {"access_token": ACCESS_TOKEN, "app_secret": APP_SECRET, "verify_token": "v",
                          "phone_number_id": PHONE_ID},
        "other/twilio": {"account_sid": "AC00000000000000000000000000000002", "auth_token": "other-token"},
    })
}

impl Running {
    pub(crate) async fn start(data: Option<&Path>, hooks_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/sim", listener.local_addr().unwrap());
        let options = Options {
            data: data.map(Path::to_owned),
            public_base_url: hooks_url.to_owned(),
            own_base_url: url.clone(),
            secrets: Arc::new(secrets),
            sns_topic_arn: TOPIC.to_owned(),
        };
        let simulators = Simulators::start(options).await.unwrap();
        let app = Router::new().nest("/sim", simulators.router());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { url, http, simulators, server }
    }

    pub(crate) async fn stop(self) {
        self.server.abort();
        self.simulators.stop().await;
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    /// All that was accepted.
    pub(crate) async fn ledger(&self) -> Vec<Value> {
        self.get("/messages").await["items"].as_array().unwrap().clone()
    }

    pub(crate) async fn behave(&self, behaviour: &Value) -> Value {
        let response = self.http.put(format!("{}/behaviour", self.url)).json(behaviour).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    pub(crate) async fn inbound(&self, body: &Value) -> (u16, Value) {
        let response = self.http.post(format!("{}/inbound", self.url)).json(body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub(crate) fn messages_url(&self) -> String {
        format!("{}/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json", self.url)
    }

    /// Creates a message at Twilio.
    pub(crate) async fn sms(&self, fields: &[(&str, &str)]) -> reqwest::Result<(u16, Value)> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self
            .http
            .post(self.messages_url())
            .basic_auth(ACCOUNT, Some(AUTH_TOKEN))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    /// Sends at WhatsApp.
    pub(crate) async fn whatsapp(&self, body: &Value) -> reqwest::Result<(u16, Value)> {
        let url = format!("{}/whatsapp/v25.0/{PHONE_ID}/messages", self.url);
        let response = self.http.post(url).bearer_auth(ACCESS_TOKEN).json(body).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }
}

impl Stage {
    pub(crate) async fn open() -> Self {
        Self::open_in(None).await
    }

    pub(crate) async fn open_in(data: Option<&Path>) -> Self {
        let hooks = Hooks::open().await;
        let running = Running::start(data, &hooks.url).await;
        Self { hooks, running }
    }

    /// As the system does: visits the address of the question.
    pub(crate) async fn confirm_subscription(&mut self) {
        let question =
            self.hooks.take(|call| call.header("x-amz-sns-message-type") == "SubscriptionConfirmation").await;
        let url = question.json()["SubscribeURL"].as_str().unwrap().to_owned();
        assert_eq!(self.running.http.get(url).send().await.unwrap().status(), 200);
    }

    /// Sends an SMS with a status callback and gives its SID.
    pub(crate) async fn sms_to(&self, to: &str, fragment: &str) -> String {
        let callback = format!("{}/status?m={}{fragment}", self.hooks.url, to.trim_start_matches('+'));
        let fields = [("To", to), ("From", NUMBER), ("Body", "Hi"), ("StatusCallback", &callback)];
        let (status, body) = self.running.sms(&fields).await.unwrap();
        assert_eq!(status, 201, "{body}");
        body["sid"].as_str().unwrap().to_owned()
    }
}
