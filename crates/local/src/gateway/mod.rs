//! The HTTP API in front of the functions, as API Gateway's HTTP APIs serve it.

mod cors;
mod request;
mod response;
mod routes;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use futures_util::StreamExt;
use serde_json::{Map, Value as Json};

use self::{cors::Origins, request::Context, routes::Routes};
use crate::{
    functions::{InvokeError, Pool},
    jwt::Keys,
    template::Route,
};

/// The most that API Gateway takes as a body, in bytes.
const MAX_BODY: usize = 10 * 1024 * 1024;
/// The most that Lambda takes as an event, in bytes.
const MAX_EVENT: usize = 6 * 1024 * 1024;
/// A body that is too large is read to here before the refusal, so that the client sees it and not a broken pipe.
const MAX_DISCARDED: usize = 64 * 1024 * 1024;

/// The gateway's configuration.
#[derive(Debug)]
pub struct Gateway {
    routes: Routes<Target>,
    keys: Keys,
    origins: Origins,
    host: String,
}

#[derive(Debug)]
struct Target {
    pool: Pool,
    authorized: bool,
    timeout: Duration,
}

impl Gateway {
    /// A gateway on 127.0.0.1:`port`; `pool_of` finds the function of a logical id.
    ///
    /// # Errors
    /// When a route's function has no pool, or its path is no route.
    pub fn new(
        routes: Vec<Route>,
        pool_of: impl Fn(&str) -> Option<Pool>,
        keys: Keys,
        port: u16,
    ) -> Result<Self> {
        let mut all = Vec::new();
        for route in routes {
            let pool = pool_of(&route.function);
            let pool = pool.with_context(|| format!("{} does not run", route.function))?;
            let target = Target { pool, authorized: route.authorized, timeout: route.timeout };
            all.push((route.method, route.path, target));
        }
        let routes = Routes::new(all)?;
        Ok(Self { routes, keys, origins: Origins::of_port(port), host: format!("127.0.0.1:{port}") })
    }

    /// The gateway as the service that answers whatever no other route of a server does.
    pub fn into_router(self) -> Router {
        Router::new().fallback(handle).with_state(Arc::new(self))
    }

    async fn answer(&self, parts: &Parts, body: Body, source: SocketAddr) -> Response {
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let Some(found) = self.routes.find(method, path) else {
            return response::unknown_route(method, path);
        };
        let claims = match self.authorize(found.target, &parts.headers) {
            Ok(claims) => claims,
            Err(Unauthorized) => return unauthorized(),
        };
        let Some(body) = read(body).await else { return too_large() };
        let source_ip = source.ip().to_string();
        let context = Context {
            route_key: &found.key,
            path_parameters: &found.parameters,
            claims: claims.as_ref(),
            host: &self.host,
            source_ip: &source_ip,
        };
        let Some(event) = request::event(parts, &body, &context) else {
            return response::own(StatusCode::BAD_REQUEST, "Bad Request");
        };
        let event = Bytes::from(event);
        if event.len() > MAX_EVENT {
            return too_large();
        }
        match tokio::time::timeout(found.target.timeout, found.target.pool.invoke(event)).await {
            Ok(Ok(answer)) => response::from_answer(&answer),
            Err(_) | Ok(Err(InvokeError::Stopped)) => {
                response::own(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
            Ok(Err(_)) => response::own(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        }
    }

    /// The claims of the caller, where the route asks for them.
    fn authorize(
        &self,
        target: &Target,
        headers: &HeaderMap,
    ) -> Result<Option<Map<String, Json>>, Unauthorized> {
        if !target.authorized {
            return Ok(None);
        }
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let header = header.ok_or(Unauthorized)?.trim();
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            Some(_) => return Err(Unauthorized),
            None => header,
        };
        self.keys.verify(token).map(Some).map_err(|reason| {
            tracing::debug!(%reason, "a token was refused");
            Unauthorized
        })
    }
}

struct Unauthorized;

async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(preflight) = gateway.origins.preflight(&parts.method, &parts.headers) {
        return preflight;
    }
    let mut response = gateway.answer(&parts, body, source).await;
    gateway.origins.decorate(&parts.headers, &mut response);
    response
}

fn unauthorized() -> Response {
    let mut response = response::own(StatusCode::UNAUTHORIZED, "Unauthorized");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn too_large() -> Response {
    response::own(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
}

/// The whole body, or `None` when it is too large or the caller left in the middle of it.
async fn read(body: Body) -> Option<Bytes> {
    let mut stream = body.into_data_stream();
    let (mut whole, mut length) = (Vec::new(), 0_usize);
    while let Some(piece) = stream.next().await {
        let piece = piece.ok()?;
        length = length.saturating_add(piece.len());
        if length > MAX_DISCARDED {
            return None;
        }
        if length <= MAX_BODY {
            whole.extend_from_slice(&piece);
        }
    }
    (length <= MAX_BODY).then(|| Bytes::from(whole))
}
