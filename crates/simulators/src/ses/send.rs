//! `SendRawEmail`.

use std::sync::Arc;

use axum::response::Response;
use serde_json::{Value, json};

use super::event::{EventReport, Kind, Sent};
use super::input::{Fields, Input};
use super::unsubscribe::OneClick;
use super::xml::{SesError, response};
use crate::behaviour::{Admission, Course};
use crate::callback::Callback;
use crate::clock::now_ms;
use crate::endings::Ending;
use crate::ids;
use crate::ledger::Accepted;
use crate::lost::lost_answer;
use crate::plan::plan;
use crate::provider::Provider;
use crate::schedule::Planned;
use crate::world::World;

pub(super) async fn send_raw_email(world: &Arc<World>, fields: &Fields) -> Result<Response, SesError> {
    let recipient = fields.get("Destinations.member.1").unwrap_or_default();
    // The limit is of the account, and the twin is one account.
    let course = match world.admit(Provider::Ses, "", recipient).await {
        Admission::TooFast => return Err(SesError::throttled()),
        Admission::Broken => return Err(SesError::internal()),
        Admission::Pass(course) => course,
    };
    let input = Input::read(fields)?;
    let endings: Vec<Ending> = input.destinations.iter().map(|address| Ending::of_email(address)).collect();
    if endings.contains(&Ending::Refused) {
        // One bad address refuses the whole call.
        return Err(SesError::invalid("Missing final '@domain'"));
    }
    let now = now_ms();
    let message_id = ids::ses_message_id(now);
    let sent = Arc::new(Sent::new(world, &input, &message_id, now));
    let request = request_json(&input);
    let messages = input
        .destinations
        .iter()
        .zip(&endings)
        .map(|(to, ending)| {
            let accepted = Accepted {
                provider: Provider::Ses,
                account: String::new(),
                to: to.clone(),
                from: input.source.clone(),
                text: input.mail.text.clone().or_else(|| input.mail.html.clone()),
                subject: input.mail.subject.clone(),
                message_id: message_id.clone(),
                request: request.clone(),
                state: String::new(),
            };
            (accepted, decide(&input, *ending, to, &sent, &course))
        })
        .collect();
    world.accept(messages).await.map_err(|_| SesError::internal())?;
    if endings.contains(&Ending::AnswerLost) || course.loses_answer() {
        return Ok(lost_answer());
    }
    Ok(response("SendRawEmail", &format!("<MessageId>{message_id}</MessageId>")))
}

/// Decides now what becomes of the mail to one recipient and when. Events are published only through a configuration
/// set: a mail without one goes out and nothing is heard of it.
fn decide(input: &Input, ending: Ending, to: &str, sent: &Arc<Sent>, course: &Course) -> Vec<Planned> {
    let reports = match &input.configuration_set {
        None => Vec::new(),
        Some(_) => Kind::course(ending)
            .iter()
            .map(|kind| {
                let (sent, recipient) = (Arc::clone(sent), to.to_owned());
                Callback::SesEvent(EventReport { kind: *kind, recipient, sent })
            })
            .collect(),
    };
    let reply = match input.mail.one_click_url() {
        Some(url) if ending == Ending::Stops => Some(Callback::OneClick(OneClick { url: url.to_owned() })),
        _ => None,
    };
    plan(course, reports, reply)
}

/// All that the request said, with the mail both as it came and taken apart.
fn request_json(input: &Input) -> Value {
    let pairs = |pairs: &[(String, String)], first: &str, second: &str| -> Value {
        pairs.iter().map(|(name, value)| json!({first: name, second: value})).collect()
    };
    json!({
        "Action": "SendRawEmail",
        "Source": input.source,
        "Destinations": input.destinations,
        "ConfigurationSetName": input.configuration_set,
        "Tags": pairs(&input.tags, "Name", "Value"),
        "RawMessage": String::from_utf8_lossy(&input.raw),
        "headers": pairs(&input.mail.headers, "name", "value"),
        "subject": input.mail.subject,
        "text": input.mail.text,
        "html": input.mail.html,
    })
}
