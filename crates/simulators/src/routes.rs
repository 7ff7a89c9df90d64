//! All routes, and those that are the twins' own.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use serde_json::{Value, json};

use crate::behaviour::{Behaviour, Behaviours, parse};
use crate::problem::{Problem, json_object};
use crate::provider::Provider;
use crate::world::World;
use crate::{inbound, ledger, ses, sns, twilio, whatsapp};

/// So many items are read at a time: the writer waits no longer than that takes, and memory holds no more.
const PAGE: usize = 1_000;

pub(crate) fn router(world: Arc<World>) -> Router {
    Router::new()
        .nest("/twilio", twilio::router())
        .nest("/whatsapp", whatsapp::router())
        .merge(ses::router())
        .merge(sns::router())
        .route("/messages", get(messages))
        .route("/inbound", post(inbound::inbound))
        .route("/behaviour", get(behaviours).put(behave))
        .with_state(world)
}

/// `GET /messages?to=`: the ledger, as one long answer that is read while it is written.
async fn messages(State(world): State<Arc<World>>, RawQuery(query): RawQuery) -> Response {
    let to = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(name, value)| name == "to" && !value.is_empty())
        // A plus that was not escaped reads as a space.
        .map(|(_, to)| to.strip_prefix(' ').map_or_else(|| to.to_string(), |digits| format!("+{digits}")));
    let pages = stream::try_unfold(Reading::Start, move |reading| {
        let (world, to) = (Arc::clone(&world), to.clone());
        async move { reading.next(&world, to).await }
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(pages)).into_response()
}

/// How far an answer has come.
enum Reading {
    Start,
    /// After this one.
    After(i64),
    End,
}

impl Reading {
    async fn next(self, world: &World, to: Option<String>) -> io::Result<Option<(Bytes, Self)>> {
        let (after, mut chunk) = match self {
            Self::End => return Ok(None),
            Self::Start => (0, String::from("{\"items\":[")),
            Self::After(seq) => (seq, String::new()),
        };
        let first = after == 0;
        let entries = world
            .database
            .run(move |connection| ledger::page(connection, to.as_deref(), after, PAGE))
            .await
            .map_err(io::Error::other)?;
        for (number, entry) in entries.iter().enumerate() {
            if number > 0 || !first {
                chunk.push(',');
            }
            chunk.push_str(&entry.item);
        }
        let next = match entries.last() {
            Some(last) if entries.len() == PAGE => Self::After(last.seq),
            _ => {
                chunk.push_str("]}");
                Self::End
            }
        };
        Ok(Some((Bytes::from(chunk), next)))
    }
}

fn behaviour_json(provider: Provider, behaviour: &Behaviour) -> Value {
    let mut json = json!(behaviour);
    json["provider"] = json!(provider);
    json
}

/// `GET /behaviour`: all three.
async fn behaviours(State(world): State<Arc<World>>) -> Response {
    let items: Vec<Value> = Provider::ALL
        .into_iter()
        .map(|provider| behaviour_json(provider, &world.behaviours.of(provider)))
        .collect();
    axum::Json(json!({"items": items})).into_response()
}

/// `PUT /behaviour`: changes one; answers with all of it.
async fn behave(State(world): State<Arc<World>>, body: Bytes) -> Response {
    let patch = match json_object(&body).and_then(|body| parse(&body).map_err(Problem::fields)) {
        Ok(patch) => patch,
        Err(problem) => return problem.into_response(),
    };
    let behaviour = world.behaviours.apply(&patch);
    let json = behaviour_json(patch.provider, &behaviour);
    let kept =
        world.database.run(move |connection| Behaviours::keep(connection, patch.provider, &behaviour)).await;
    match kept {
        Ok(()) => axum::Json(json).into_response(),
        Err(_) => Problem::broken().into_response(),
    }
}
