//! Asking Twilio about messages whose report or whose answer never came:
//! `GET /2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json`, and `GET .../Messages.json?To=&DateSent>=&DateSent<=` where the SID was lost.
//!
//! The list holds no callback URL, so nothing in it names our message. What fits is told by recipient, sender, text and time; whether it can be
//! another's, the caller knows better (`infra/decisions/0008`).

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::Timestamp;
use serde::Deserialize;

use super::send::is_service;
use super::status::report;
use crate::http::{Answer, exchange};
use crate::look_up::{Asked, Known, LookUp, Sought};
use crate::{Outcome, Problem, REQUEST_TIMEOUT, Secret};

/// Messages on a page. Each has a body of up to 1,600 characters, which JSON may write with six bytes each: so many always fit into an answer.
const PAGE_SIZE: usize = 20;
/// Pages that are read for one question; to a number that got more, nothing is certain.
const MAX_PAGES: u32 = 2;
/// `DateSent` is when Twilio handed the message on, which its queue may delay by up to 10 hours.
const QUEUE: Duration = Duration::from_hours(10);

/// An account that can be asked, and the sender that is asked about.
#[derive(Debug, Clone)]
pub struct TwilioLookUp {
    /// The client whose connections are used.
    pub http: reqwest::Client,
    /// Scheme and host of the API, `https://api.twilio.com`.
    pub base_url: String,
    /// `AC` and 32 hex digits.
    pub account_sid: String,
    /// The account's primary auth token.
    pub auth_token: Secret,
    /// Who sent, as in [`super::TwilioConfig::sender`].
    pub sender: String,
}

#[derive(Deserialize)]
struct Message {
    sid: String,
    status: String,
    error_code: Option<u32>,
    num_segments: Option<String>,
    date_created: Option<String>,
    from: Option<String>,
    to: Option<String>,
    messaging_service_sid: Option<String>,
    body: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Message>,
    next_page_uri: Option<String>,
}

impl Message {
    /// RFC 2822, in whole seconds.
    fn created_at(&self) -> Option<Timestamp> {
        let text = self.date_created.as_deref()?;
        DateTime::parse_from_rfc2822(text).ok().map(|at| Timestamp::from_secs(at.timestamp()))
    }

    fn known(self) -> Known {
        Known {
            accepted_at: self.created_at(),
            report: report(&self.status, self.error_code),
            provider_code: self.error_code.map(|code| code.to_string()),
            segments: self.num_segments.and_then(|n| n.parse().ok()).filter(|n| *n > 0),
            provider_message_id: self.sid,
        }
    }

    fn fits(&self, sought: &Sought<'_>, sender: &str) -> bool {
        let by = if is_service(sender) { &self.messaging_service_sid } else { &self.from };
        self.to.as_deref() == Some(sought.to.as_str())
            && by.as_deref() == Some(sender)
            && self.body.as_deref() == Some(sought.text)
            && self.created_at().is_some_and(|at| sought.from <= at && at <= sought.until)
    }
}

impl TwilioLookUp {
    /// The answer to a GET of `path`; what is no answer is said in the right variant.
    async fn get(&self, path: &str) -> Result<Answer, Asked<Answer>> {
        let url = format!("{}{path}", self.base_url.trim_end_matches('/'));
        let request = self.http.get(url).basic_auth(&self.account_sid, Some(self.auth_token.expose()));
        match exchange(request).await {
            Ok(answer) if answer.is_success() => Ok(answer),
            Ok(answer) => Err(match answer.status {
                404 => Asked::NotFound,
                401 | 403 => Asked::Refused(answer.bare_problem()),
                _ => Asked::Failed(answer.bare_problem()),
            }),
            Err(Outcome::SenderRefused { problem, .. }) => Err(Asked::Refused(problem)),
            Err(_) => Err(Asked::Failed(Problem::ours("The provider did not answer"))),
        }
    }

    fn messages_path(&self) -> String {
        format!("/2010-04-01/Accounts/{}/Messages", self.account_sid)
    }

    /// The list's path: days, since Twilio documents nothing shorter; the hour is looked at here.
    fn list_path(&self, sought: &Sought<'_>) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("To", sought.to.as_str())
            .append_pair("DateSent>", &day(sought.from))
            .append_pair("DateSent<", &day(sought.until + QUEUE))
            .append_pair("PageSize", &PAGE_SIZE.to_string())
            .finish();
        format!("{}.json?{query}", self.messages_path())
    }
}

/// `YYYY-MM-DD` in GMT.
fn day(at: Timestamp) -> String {
    DateTime::<Utc>::from_timestamp_millis(at.millis()).unwrap_or_default().format("%Y-%m-%d").to_string()
}

/// The same lack of an answer, to another question.
fn no_answer<A, T>(asked: Asked<A>) -> Asked<T> {
    match asked {
        Asked::Found(_) | Asked::NotFound => Asked::NotFound,
        Asked::Refused(problem) => Asked::Refused(problem),
        Asked::Failed(problem) => Asked::Failed(problem),
    }
}

impl LookUp for TwilioLookUp {
    const TIMEOUT: Duration = REQUEST_TIMEOUT.saturating_mul(MAX_PAGES);

    async fn by_id(&self, provider_message_id: &str) -> Asked<Known> {
        // It becomes a part of a path.
        if provider_message_id.is_empty() || !provider_message_id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Asked::NotFound;
        }
        match self.get(&format!("{}/{provider_message_id}.json", self.messages_path())).await {
            Ok(answer) => match answer.json::<Message>() {
                Some(message) if message.sid == provider_message_id => Asked::Found(message.known()),
                Some(_) | None => Asked::Failed(answer.bare_problem()),
            },
            Err(asked) => no_answer(asked),
        }
    }

    async fn fitting(&self, sought: &Sought<'_>) -> Asked<Vec<Known>> {
        let mut path = self.list_path(sought);
        let mut fitting = Vec::new();
        for _ in 0..MAX_PAGES {
            let answer = match self.get(&path).await {
                Ok(answer) => answer,
                Err(asked) => return no_answer(asked),
            };
            let Some(page) = answer.json::<Page>() else { return Asked::Failed(answer.bare_problem()) };
            let fits = |message: &Message| message.fits(sought, &self.sender);
            fitting.extend(page.messages.into_iter().filter(fits).map(Message::known));
            match page.next_page_uri {
                None => return Asked::Found(fitting),
                // Our credentials go along, so only to where they belong.
                Some(next) if next.starts_with(&self.messages_path()) => path = next,
                Some(_) => break,
            }
        }
        Asked::NotFound
    }
}
