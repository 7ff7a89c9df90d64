//! Handing a message to Meta: `POST /{version}/{phone-number-id}/messages`.

use std::time::Duration;

use domain::FailureCode;
use domain::content::{Component, Parameter, ParameterSlot, Rendered};
use serde::Deserialize;
use serde_json::{Value, json};

use super::errors;
use crate::http::{Answer, exchange};
use crate::{Outcome, Outgoing, Problem, REQUEST_TIMEOUT, Secret, Sender};

/// One WhatsApp sender.
#[derive(Debug, Clone)]
pub struct WhatsAppConfig {
    /// Scheme and host of the Graph API, `https://graph.facebook.com`.
    pub base_url: String,
    /// The version of the Graph API, `v25.0`.
    pub api_version: String,
    /// A system user's token.
    pub access_token: Secret,
    /// Meta's id of the number that sends.
    pub phone_number_id: String,
}

/// Sends WhatsApp messages from one number.
#[derive(Debug, Clone)]
pub struct WhatsAppSender {
    http: reqwest::Client,
    config: WhatsAppConfig,
}

impl WhatsAppSender {
    /// A sender that uses the connections of `http`.
    pub fn new(http: reqwest::Client, config: WhatsAppConfig) -> Self {
        Self { http, config }
    }

    fn url(&self) -> String {
        let WhatsAppConfig { base_url, api_version, phone_number_id, .. } = &self.config;
        format!("{}/{api_version}/{phone_number_id}/messages", base_url.trim_end_matches('/'))
    }
}

impl Sender for WhatsAppSender {
    async fn send(&self, message: &Outgoing<'_>) -> Outcome {
        let Some(body) = body(message) else {
            let problem = Problem::ours("Mail cannot be sent as a WhatsApp message");
            return Outcome::Refused { code: FailureCode::InternalError, problem };
        };
        let request = self.http.post(self.url()).bearer_auth(self.config.access_token.expose()).json(&body);
        match exchange(request).await {
            Ok(answer) if errors::is_error(&answer) => errors::refusal(&answer),
            Ok(answer) => accepted(&answer),
            Err(outcome) => outcome,
        }
    }

    fn timeout(&self) -> Duration {
        REQUEST_TIMEOUT
    }
}

/// The body of the request; `None` for a mail. `to` keeps its `+`, since without one Meta puts the sender's country code before it. Who hides
/// their number behind a user name is a `recipient`.
fn body(message: &Outgoing<'_>) -> Option<Value> {
    let mut body = json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "biz_opaque_callback_data": message.message_id.to_string(),
    });
    let to = message.to.as_str();
    body[if to.starts_with('+') { "to" } else { "recipient" }] = json!(to);
    match message.content {
        Rendered::Text(text) => {
            body["type"] = json!("text");
            body["text"] = json!({"preview_url": false, "body": text});
        }
        Rendered::Template { name, language, parameters, .. } => {
            body["type"] = json!("template");
            body["template"] = json!({
                "name": name,
                "language": {"code": language},
                "components": components(parameters),
            });
        }
        Rendered::Email { .. } => return None,
    }
    Some(body)
}

/// The values, grouped as Meta wants them: one header, one body, and each button by itself.
fn components(parameters: &[Parameter]) -> Vec<Value> {
    let mut sorted: Vec<&Parameter> = parameters.iter().collect();
    // Positional values count by their order; the order of named ones does not matter.
    sorted.sort_by(|a, b| {
        (a.component, button_index(a), &a.slot).cmp(&(b.component, button_index(b), &b.slot))
    });
    sorted
        .chunk_by(|a, b| (a.component, button_index(a)) == (b.component, button_index(b)))
        .map(|group| component(group[0], group))
        .collect()
}

fn component(first: &Parameter, group: &[&Parameter]) -> Value {
    let parameters: Vec<Value> = group.iter().map(|parameter| value(parameter)).collect();
    match first.component {
        Component::Header => json!({"type": "header", "parameters": parameters}),
        Component::Body => json!({"type": "body", "parameters": parameters}),
        Component::Button => {
            let index = button_index(first).unwrap_or_default().to_string();
            json!({"type": "button", "sub_type": "url", "index": index, "parameters": parameters})
        }
    }
}

/// The button that a value is for, counted from 0; `None` for values of the header and the body.
fn button_index(parameter: &Parameter) -> Option<u8> {
    match parameter.component {
        Component::Button => Some(parameter.index.unwrap_or(0)),
        Component::Header | Component::Body => None,
    }
}

fn value(parameter: &Parameter) -> Value {
    match (&parameter.slot, parameter.component) {
        // The suffix of a button's URL has no name, whatever the template's format is.
        (ParameterSlot::Position(_), _) | (ParameterSlot::Name(_), Component::Button) => {
            json!({"type": "text", "text": parameter.value})
        }
        (ParameterSlot::Name(name), Component::Header | Component::Body) => {
            json!({"type": "text", "parameter_name": name, "text": parameter.value})
        }
    }
}

#[derive(Deserialize)]
struct Accepted {
    messages: Vec<AcceptedMessage>,
}

#[derive(Deserialize)]
struct AcceptedMessage {
    id: String,
}

/// Messages that are held or paused to watch the template's quality are accepted too: a status follows. A success that does not name
/// the message may still have sent it.
fn accepted(answer: &Answer) -> Outcome {
    let message = answer.json::<Accepted>().and_then(|body| body.messages.into_iter().next());
    match message {
        Some(AcceptedMessage { id }) if !id.is_empty() => {
            Outcome::Accepted { provider_message_id: id, segments: None }
        }
        _ => Outcome::Unknown { problem: answer.bare_problem() },
    }
}
