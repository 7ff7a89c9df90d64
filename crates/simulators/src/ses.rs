//! Amazon SES, version 1 (query protocol): `SendRawEmail` and `GetSendQuota`, and the events that it publishes to SNS.
//!
//! Shapes after the service model of SES and the samples in `tests/fixtures/aws`. Requests need no valid AWS
//! signature: the twin has no AWS account to check one against.

mod event;
mod input;
mod mail;
mod send;
mod unsubscribe;
mod xml;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

pub(crate) use event::{EventReport, event_webhook};
pub(crate) use unsubscribe::{OneClick, one_click_retry_after};

use crate::clock::now_ms;
use crate::ledger;
use crate::provider::Provider;
use crate::world::World;
use input::Fields;
use xml::SesError;

/// 10 MB of message, in base64 and then form-encoded, where `+`, `/` and `=` take three bytes.
const LARGEST_REQUEST: usize = 48 * 1024 * 1024;
/// What the account may send in a second unless behaviour sets a rate.
const MAX_SEND_RATE: f64 = 1_000.0;
const DAY_MS: i64 = 24 * 3600 * 1000;

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/ses", post(query))
        .route("/ses/", post(query))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
}

async fn query(State(world): State<Arc<World>>, body: Bytes) -> Response {
    let fields = Fields::parse(&body);
    let answer = match fields.get("Action") {
        Some("SendRawEmail") => send::send_raw_email(&world, &fields).await,
        Some("GetSendQuota") => send_quota(&world).await,
        Some(other) => Err(SesError::refused("InvalidAction", format!("Could not find operation {other}"))),
        None => Err(SesError::refused("MissingAction", "No action was given")),
    };
    answer.unwrap_or_else(IntoResponse::into_response)
}

async fn send_quota(world: &World) -> Result<Response, SesError> {
    let since = now_ms() - DAY_MS;
    let count = world.database.run(move |connection| ledger::count_ses_since(connection, since)).await;
    let sent = count.map_err(|_| SesError::internal())?;
    let rate = world.behaviours.of(Provider::Ses).rate_per_second.unwrap_or(MAX_SEND_RATE);
    let result = format!(
        "<Max24HourSend>-1.0</Max24HourSend><MaxSendRate>{rate:?}</MaxSendRate>\
         <SentLast24Hours>{sent}.0</SentLast24Hours>"
    );
    Ok(xml::response("GetSendQuota", &result))
}
