//! Confirming the subscription, and the certificate that signatures are checked with.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

use super::CERTIFICATE_PATH;
use crate::clock::now_ms;
use crate::ids;
use crate::problem::Problem;
use crate::webhook::{Attempt, post as post_webhook};
use crate::world::World;

/// The first pause between two questions, and the longest: the receiver may start after the twins.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route(CERTIFICATE_PATH, get(certificate))
        .route("/sns/subscribe", get(subscribe))
        .route("/sns/confirm", post(ask_again))
}

/// Asks until the subscription is confirmed or the simulators are stopped.
pub(crate) async fn ask_until_confirmed(world: Arc<World>) {
    let message_id = ids::uuid();
    let mut stopping = world.stopping.subscribe();
    let mut pause = FIRST_PAUSE;
    while !world.topic.is_confirmed() {
        let question = world.topic.confirmation(&message_id, now_ms());
        let asked = async {
            let attempt = post_webhook(&world.http, &question).await;
            if !attempt.succeeded() {
                tracing::debug!(status = attempt.status(), "the SNS subscription is not confirmed yet");
            }
            // Confirming may come later than the answer.
            drop(tokio::time::timeout(pause, world.topic.confirmed()).await);
        };
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = asked => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn certificate(State(world): State<Arc<World>>) -> Response {
    let pem = world.topic.key.certificate_pem().to_owned();
    ([(header::CONTENT_TYPE, "application/x-pem-file")], pem).into_response()
}

#[derive(Deserialize)]
struct Confirmation {
    #[serde(rename = "Token")]
    token: Option<String>,
    #[serde(rename = "TopicArn")]
    topic_arn: Option<String>,
}

/// What the `SubscribeURL` leads to.
async fn subscribe(State(world): State<Arc<World>>, Query(confirmation): Query<Confirmation>) -> Response {
    let topic = &world.topic;
    let matches = confirmation.token.as_deref() == Some(&topic.token)
        && confirmation.topic_arn.is_none_or(|topic_arn| topic_arn == topic.arn);
    if !matches {
        return error(StatusCode::BAD_REQUEST, "InvalidParameter", "Invalid parameter: Token");
    }
    if topic.confirm(&world.database).await.is_err() {
        return error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "The subscription could not be kept",
        );
    }
    let result = format!("<SubscriptionArn>{}</SubscriptionArn>", topic.subscription_arn);
    let body = format!(
        "<ConfirmSubscriptionResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><ConfirmSubscriptionResult>\
         {result}</ConfirmSubscriptionResult><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata>\
         </ConfirmSubscriptionResponse>",
        ids::uuid()
    );
    ([(header::CONTENT_TYPE, "text/xml")], body).into_response()
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
        ids::uuid()
    );
    (status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
}

/// `POST /sns/confirm`: asks once more at once, also if the subscription is confirmed.
async fn ask_again(State(world): State<Arc<World>>) -> Response {
    let question = world.topic.confirmation(&ids::uuid(), now_ms());
    match post_webhook(&world.http, &question).await {
        Attempt::Answered { status, .. } => {
            axum::Json(json!({"status": status, "confirmed": world.topic.is_confirmed()})).into_response()
        }
        Attempt::NotConnected | Attempt::TimedOut => {
            Problem::new(StatusCode::BAD_GATEWAY, "No answer", "the webhook for SES did not answer")
                .into_response()
        }
    }
}
