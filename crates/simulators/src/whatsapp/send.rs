//! `POST /{version}/{phone_number_id}/messages`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::check::{Draft, check};
use super::error::MetaError;
use super::inbound::Message;
use super::status::{Status, StatusReport};
use crate::accounts::WhatsAppAccount;
use crate::behaviour::{Admission, Course};
use crate::callback::Callback;
use crate::clock::now_ms;
use crate::endings::Ending;
use crate::ids;
use crate::inbound::Written;
use crate::ledger::Accepted;
use crate::lost::lost_answer;
use crate::plan::plan;
use crate::provider::Provider;
use crate::schedule::Planned;
use crate::world::World;

pub(super) async fn send(
    State(world): State<Arc<World>>,
    Path((_version, phone_number_id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match accept(&world, &phone_number_id, &headers, &body).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    }
}

async fn accept(
    world: &Arc<World>,
    phone_number_id: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, MetaError> {
    let account = login(world, headers, phone_number_id)?;
    let request: Value =
        serde_json::from_slice(body).map_err(|_| MetaError::invalid("The request body is not valid JSON"))?;
    let recipient = request.get("to").and_then(Value::as_str).unwrap_or_default();
    let course = match world.admit(Provider::WhatsApp, phone_number_id, recipient).await {
        Admission::TooFast => return Err(MetaError::rate()),
        Admission::Broken => return Err(MetaError::unavailable()),
        Admission::Pass(course) => course,
    };
    let draft = check(&request)?;
    let ending = Ending::of_phone(&draft.wa_id);
    if ending == Ending::Refused {
        return Err(MetaError::undeliverable());
    }
    if !draft.is_template && !world.book.window_is_open(phone_number_id, &draft.wa_id, now_ms()) {
        return Err(MetaError::window());
    }
    let wamid = ids::wamid(&draft.wa_id);
    let planned = decide(&draft, ending, &account, phone_number_id, &wamid, &course);
    world.note_sender(Provider::WhatsApp, phone_number_id, &account.org, "");
    let answer = json!({
        "messaging_product": "whatsapp",
        "contacts": [{"input": draft.to, "wa_id": draft.wa_id}],
        "messages": [{"id": wamid, "message_status": "accepted"}],
    });
    let accepted = Accepted {
        provider: Provider::WhatsApp,
        account: phone_number_id.to_owned(),
        to: draft.to,
        from: phone_number_id.to_owned(),
        text: draft.text,
        subject: None,
        message_id: wamid,
        request,
        state: String::new(),
    };
    world.accept(vec![(accepted, planned)]).await.map_err(|_| MetaError::unavailable())?;
    if ending == Ending::AnswerLost || course.loses_answer() {
        return Ok(lost_answer());
    }
    Ok(Json(answer).into_response())
}

fn login(world: &World, headers: &HeaderMap, phone_number_id: &str) -> Result<WhatsAppAccount, MetaError> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(MetaError::token)?;
    let accounts = world.accounts();
    let account = accounts.whatsapp_login(token, phone_number_id).ok_or_else(MetaError::token)?;
    if !account.owns(phone_number_id) {
        return Err(MetaError::no_such_object(phone_number_id));
    }
    Ok(account.clone())
}

/// Decides now what becomes of the message and when.
fn decide(
    draft: &Draft,
    ending: Ending,
    account: &WhatsAppAccount,
    phone_number_id: &str,
    wamid: &str,
    course: &Course,
) -> Vec<Planned> {
    let is_read = course.draws.hit("read", course.behaviour.callback.read_rate);
    let reports = Status::course(ending, is_read)
        .iter()
        .map(|status| {
            Callback::WhatsAppStatus(StatusReport {
                org: account.org.clone(),
                phone_number_id: phone_number_id.to_owned(),
                wamid: wamid.to_owned(),
                wa_id: draft.wa_id.clone(),
                status: *status,
                is_template: draft.is_template,
                callback_data: draft.callback_data.clone(),
            })
        })
        .collect();
    let reply = (ending == Ending::Stops).then(|| {
        Callback::Written(Written::WhatsApp(Message {
            org: account.org.clone(),
            phone_number_id: phone_number_id.to_owned(),
            wamid: ids::wamid(&draft.wa_id),
            wa_id: draft.wa_id.clone(),
            text: "STOP".to_owned(),
            in_reply_to: None,
        }))
    });
    plan(course, reports, reply)
}
