//! Twilio Programmable Messaging: `Messages.json`, its callbacks and inbound messages.
//!
//! Shapes after Twilio's `OpenAPI` file and documentation (see the fixtures in `tests/fixtures/twilio`).

mod create;
mod error;
mod form;
mod inbound;
mod number;
mod read;
mod resource;
mod segments;
mod signature;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

pub(crate) use inbound::Sms;
pub(crate) use number::{pool_number, reachable};
pub(crate) use status::{RetryPolicy, StatusReport, status_webhook};

use crate::accounts::TwilioAccount;
use crate::world::World;
use error::TwilioError;

pub(crate) const API_VERSION: &str = "2010-04-01";

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/2010-04-01/Accounts/{sid}/Messages.json", post(create::create).get(read::list))
        .route("/2010-04-01/Accounts/{sid}/Messages/{message}", get(read::one))
}

/// Basic authentication, then that the path is of the account that logged in.
fn login(
    world: &World,
    headers: &HeaderMap,
    account_sid: &str,
    path: &str,
) -> Result<TwilioAccount, TwilioError> {
    let (user, password) = credentials(headers).ok_or_else(TwilioError::authenticate)?;
    let accounts = world.accounts();
    let account = accounts.twilio_login(&user, &password).ok_or_else(TwilioError::authenticate)?;
    if account.account_sid != account_sid {
        return Err(TwilioError::not_found(path));
    }
    Ok(account.clone())
}

fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
