//! Looking messages up: one, or a list with filters.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDate};
use serde_json::{Value, json};

use super::error::TwilioError;
use super::login;
use super::resource::resource_of;
use crate::clock::now_ms;
use crate::ledger::{self, Selection};
use crate::provider::Provider;
use crate::world::World;

const DEFAULT_PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 1_000;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// `GET .../Messages/{sid}.json`.
pub(super) async fn one(
    State(world): State<Arc<World>>,
    Path((account_sid, file)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let found = async {
        login(&world, &headers, &account_sid, uri.path())?;
        let not_found = || TwilioError::not_found(uri.path());
        let sid = file.strip_suffix(".json").ok_or_else(not_found)?.to_owned();
        world
            .database
            .run(move |connection| ledger::by_message(connection, Provider::Twilio, &account_sid, &sid))
            .await
            .map_err(|_| TwilioError::internal())?
            .and_then(|entry| resource_of(&entry, now_ms()))
            .ok_or_else(not_found)
    };
    answer(found.await)
}

/// `GET .../Messages.json?To=&From=&DateSent=&PageSize=&Page=`; newest first.
pub(super) async fn list(
    State(world): State<Arc<World>>,
    Path(account_sid): Path<String>,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let found = async {
        login(&world, &headers, &account_sid, uri.path())?;
        let query = query.unwrap_or_default();
        let (selection, page) = selection(&query)?;
        let wanted = selection.clone();
        let entries = world
            .database
            .run(move |connection| {
                // One more tells whether there is a next page.
                let more = Selection { limit: wanted.limit + 1, ..wanted };
                ledger::select(connection, Provider::Twilio, &account_sid, &more)
            })
            .await
            .map_err(|_| TwilioError::internal())?;
        let size = selection.limit as usize;
        let now = now_ms();
        let messages: Vec<Value> =
            entries.iter().take(size).filter_map(|entry| resource_of(entry, now)).collect();
        let url = |page: u64| format!("{}?{}", uri.path(), with_page(&query, page));
        Ok(json!({
            "end": (selection.skip + messages.len() as u64).saturating_sub(1),
            "first_page_uri": url(0),
            "next_page_uri": (entries.len() > size).then(|| url(page + 1)),
            "page": page,
            "page_size": size,
            "previous_page_uri": page.checked_sub(1).map(url),
            "start": selection.skip,
            "uri": url(page),
            "messages": messages,
        }))
    };
    answer(found.await)
}

fn answer(found: Result<Value, TwilioError>) -> Response {
    found.map_or_else(IntoResponse::into_response, |value| Json(value).into_response())
}

fn with_page(query: &str, page: u64) -> String {
    let others = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "Page");
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair("Page", &page.to_string())
        .finish()
}

/// Reads the filters. `DateSent` is a day or a time, with `<` and `>` at the end of its name for ranges.
fn selection(query: &str) -> Result<(Selection, u64), TwilioError> {
    let invalid = |name: &str| TwilioError::refused(20001, format!("Parameter {name} is invalid"));
    let (mut since_ms, mut before_ms) = (i64::MIN, i64::MAX);
    let (mut to, mut from, mut size, mut page) = (None, None, DEFAULT_PAGE, 0);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if value.is_empty() {
            continue;
        }
        match &*name {
            "To" => to = Some(value.into_owned()),
            "From" => from = Some(value.into_owned()),
            "PageSize" => {
                size = value.parse::<u32>().map_err(|_| invalid("PageSize"))?.clamp(1, LARGEST_PAGE);
            }
            "Page" => page = value.parse().map_err(|_| invalid("Page"))?,
            "DateSent" | "DateSent<" | "DateSent>" => {
                let (from_ms, until_ms) = span(&value).ok_or_else(|| invalid("DateSent"))?;
                if &*name != "DateSent<" {
                    since_ms = since_ms.max(from_ms);
                }
                if &*name != "DateSent>" {
                    before_ms = before_ms.min(until_ms);
                }
            }
            _ => {}
        }
    }
    let skip = page * u64::from(size);
    Ok((Selection { to, from, since_ms, before_ms, limit: size, skip }, page))
}

/// A day in GMT, or the second of a time: first millisecond, and the first one after it.
fn span(text: &str) -> Option<(i64, i64)> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        let start = day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis();
        return Some((start, start + DAY_MS));
    }
    let second = DateTime::parse_from_rfc3339(text).ok()?.timestamp() * 1000;
    Some((second, second + 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_as_twilio_names_them() {
        let (all, page) = selection("").ok().unwrap();
        assert_eq!((all.limit, all.skip, page), (50, 0, 0));
        let (day, _) = selection("To=%2B14155552671&DateSent=2026-10-15&PageSize=20&Page=2").ok().unwrap();
        assert_eq!(day.to.as_deref(), Some("+14155552671"));
        assert_eq!((day.before_ms - day.since_ms, day.limit, day.skip), (DAY_MS, 20, 40));
        let (since, _) = selection("DateSent>=2026-10-15T10:00:00Z").ok().unwrap();
        assert_eq!((since.since_ms, since.before_ms), (1_792_058_400_000, i64::MAX));
        let (until, _) = selection("DateSent%3C=2026-10-15").ok().unwrap();
        assert_eq!((until.since_ms, until.before_ms), (i64::MIN, 1_792_108_800_000));
        assert_eq!(selection("DateSent=yesterday").unwrap_err().code(), 20001);
        assert_eq!(selection("PageSize=9999").ok().unwrap().0.limit, 1_000);
    }
}
