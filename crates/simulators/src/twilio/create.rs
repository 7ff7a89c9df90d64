//! `POST /2010-04-01/Accounts/{sid}/Messages.json`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::error::TwilioError;
use super::form::Form;
use super::number::{is_e164, is_sender, is_service, pool_number};
use super::resource::{Remembered, resource};
use super::segments::segments;
use super::status::{Status, StatusReport};
use super::{Sms, login};
use crate::accounts::TwilioAccount;
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

/// The longest body, in characters; above it is error 21617.
const LONGEST_BODY: usize = 1_600;

pub(super) async fn create(
    State(world): State<Arc<World>>,
    Path(account_sid): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match accept(&world, &account_sid, uri.path(), &headers, &body).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    }
}

/// A request that is well formed.
struct Draft {
    to: String,
    from: Option<String>,
    service: Option<String>,
    body: String,
    num_media: usize,
    status_callback: Option<String>,
    request: serde_json::Value,
}

impl Draft {
    /// What opt-outs and the ledger know the sender by.
    fn sender(&self) -> &str {
        self.service.as_deref().or(self.from.as_deref()).unwrap_or_default()
    }
}

async fn accept(
    world: &Arc<World>,
    account_sid: &str,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, TwilioError> {
    let account = login(world, headers, account_sid, path)?;
    let form = Form::parse(body);
    let course = match world.admit(Provider::Twilio, account_sid, form.get("To").unwrap_or_default()).await {
        Admission::TooFast => return Err(TwilioError::too_many_requests()),
        Admission::Broken => return Err(TwilioError::internal()),
        Admission::Pass(course) => course,
    };
    let draft = read(&form)?;
    let ending = Ending::of_phone(&draft.to);
    if ending == Ending::Refused {
        return Err(TwilioError::invalid_to(&draft.to));
    }
    if world.book.opted_out(draft.sender(), &draft.to) {
        return Err(TwilioError::unsubscribed());
    }
    let sid = ids::twilio_sid();
    let (remembered, planned) = decide(&draft, ending, &account, &sid, &course);
    world.note_sender(Provider::Twilio, draft.sender(), &account.org, "");
    if let Some(service) = &draft.service {
        world.note_sender(Provider::Twilio, &pool_number(service), &account.org, service);
    }
    let accepted = Accepted {
        provider: Provider::Twilio,
        account: account.account_sid.clone(),
        to: draft.to.clone(),
        from: draft.sender().to_owned(),
        text: Some(draft.body.clone()),
        subject: None,
        message_id: sid.clone(),
        request: draft.request,
        state: serde_json::to_string(&remembered).unwrap_or_default(),
    };
    world.accept(vec![(accepted, planned)]).await.map_err(|_| TwilioError::internal())?;
    if ending == Ending::AnswerLost || course.loses_answer() {
        return Ok(lost_answer());
    }
    // A new message is shown as it is at first, however soon its reports follow.
    let now = now_ms();
    let fresh = resource(&Remembered { course: Vec::new(), ..remembered }, &sid, &draft.to, now, now);
    Ok((StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], fresh.to_string()).into_response())
}

fn read(form: &Form) -> Result<Draft, TwilioError> {
    let to = form.get("To").ok_or_else(|| TwilioError::refused(21604, "A 'To' phone number is required."))?;
    if !is_e164(to) {
        return Err(TwilioError::invalid_to(to));
    }
    let (from, service) = (form.get("From"), form.get("MessagingServiceSid"));
    match (from, service) {
        (None, None) => {
            return Err(TwilioError::refused(21603, "A 'From' phone number is required."));
        }
        (_, Some(service)) if !is_service(service) => {
            return Err(TwilioError::refused(21701, "The Messaging Service resource does not exist."));
        }
        (Some(from), None) if !is_sender(from) => {
            let message = format!(
                "The 'From' number {from} is not a valid phone number, shortcode, or alphanumeric sender ID."
            );
            return Err(TwilioError::refused(21212, message));
        }
        _ => {}
    }
    let num_media = form.count("MediaUrl");
    let body = form.get("Body").unwrap_or_default();
    if body.is_empty() && num_media == 0 && form.get("ContentSid").is_none() {
        return Err(TwilioError::refused(21602, "Message body is required."));
    }
    if body.chars().count() > LONGEST_BODY {
        let message = "The concatenated message body exceeds the 1600 character limit.";
        return Err(TwilioError::refused(21617, message));
    }
    let status_callback = form.get("StatusCallback");
    if let Some(url) = status_callback.filter(|url| !is_callback_url(url)) {
        let message = format!("The 'StatusCallback' URL {url} is not a valid URL.");
        return Err(TwilioError::refused(21609, message));
    }
    Ok(Draft {
        to: to.to_owned(),
        from: from.map(str::to_owned),
        service: service.map(str::to_owned),
        body: body.to_owned(),
        num_media,
        status_callback: status_callback.map(str::to_owned),
        request: form.to_json(),
    })
}

/// Absolute, over HTTP, to a host whose name has no underscore.
fn is_callback_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.contains('_'))
    })
}

/// Decides now what becomes of the message and when.
fn decide(
    draft: &Draft,
    ending: Ending,
    account: &TwilioAccount,
    sid: &str,
    course: &Course,
) -> (Remembered, Vec<Planned>) {
    let (statuses, reported) = Status::course(ending);
    let reports = match &draft.status_callback {
        Some(url) if reported => {
            statuses.iter().map(|status| report(draft, account, sid, url, *status)).collect()
        }
        _ => Vec::new(),
    };
    let reply = (ending == Ending::Stops).then(|| Callback::Written(Written::Sms(stop(draft, account))));
    let planned = plan(course, reports, reply);
    let remembered = Remembered {
        account_sid: account.account_sid.clone(),
        body: draft.body.clone(),
        from: draft.from.clone(),
        service: draft.service.clone(),
        num_media: draft.num_media,
        num_segments: segments(&draft.body),
        course: (0..)
            .map(|number| course.behaviour.callback.step_ms(number))
            .zip(statuses.iter().copied())
            .collect(),
    };
    (remembered, planned)
}

fn report(draft: &Draft, account: &TwilioAccount, sid: &str, url: &str, status: Status) -> Callback {
    Callback::TwilioStatus(StatusReport {
        org: account.org.clone(),
        account_sid: account.account_sid.clone(),
        url: url.to_owned(),
        message_sid: sid.to_owned(),
        from: draft.from.clone().unwrap_or_default(),
        to: draft.to.clone(),
        service: draft.service.clone(),
        status,
    })
}

fn stop(draft: &Draft, account: &TwilioAccount) -> Sms {
    Sms {
        org: account.org.clone(),
        account_sid: account.account_sid.clone(),
        message_sid: ids::twilio_sid(),
        from: draft.to.clone(),
        to: draft.service.as_deref().map_or_else(|| draft.sender().to_owned(), pool_number),
        service: draft.service.clone(),
        text: "STOP".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> u32 {
        read(&Form::parse(body.as_bytes())).map_or_else(|error| error.code(), |_| 0)
    }

    #[test]
    fn what_twilio_needs_is_asked_for_by_its_codes() {
        assert_eq!(code("From=%2B15005550006&Body=Hi"), 21604);
        assert_eq!(code("To=&From=%2B15005550006&Body=Hi"), 21604);
        assert_eq!(code("To=4155552671&From=%2B15005550006&Body=Hi"), 21211);
        assert_eq!(code("To=%2B14155552671&Body=Hi"), 21603);
        assert_eq!(code("To=%2B14155552671&From=A+very+long+name&Body=Hi"), 21212);
        assert_eq!(code("To=%2B14155552671&MessagingServiceSid=MG1&Body=Hi"), 21701);
        assert_eq!(code("To=%2B14155552671&From=%2B15005550006"), 21602);
        assert_eq!(code("To=%2B14155552671&From=%2B15005550006&MediaUrl=https%3A%2F%2Fe.com%2Fi.png"), 0);
        let bad_url = "&Body=Hi&StatusCallback=http%3A%2F%2Fmy_host%2Fx";
        assert_eq!(code(&format!("To=%2B14155552671&From=%2B15005550006{bad_url}")), 21609);
    }

    #[test]
    fn a_body_may_have_1600_characters_whatever_they_weigh() {
        let with =
            |count| format!("To=%2B14155552671&From=%2B15005550006&Body={}", "%F0%9F%98%80".repeat(count));
        assert_eq!(code(&with(1_600)), 0);
        assert_eq!(code(&with(1_601)), 21617);
    }

    #[test]
    fn requests_through_a_service_and_from_a_number_are_read() {
        let service = include_str!("../../../../tests/fixtures/twilio/request.create.form").trim();
        let draft = read(&Form::parse(service.as_bytes())).ok().unwrap();
        assert_eq!(draft.sender(), "MG0123456789abcdef0123456789abcdef");
        assert_eq!(draft.request["ValidityPeriod"], "14400");
        let number = "To=%2B14155552671&From=%2B15005550006&Body=Hi&StatusCallback=https%3A%2F%2Fhooks.example.com%2Fs%3Fm%3D1";
        let draft = read(&Form::parse(number.as_bytes())).ok().unwrap();
        assert_eq!((draft.sender(), draft.body.as_str()), ("+15005550006", "Hi"));
    }
}
