//! Bodies of the HTTP API.

use domain::{Channel, MemberId};
use serde_json::Value;
use usecases::manage_directory::rows;
use wire::api::bulk_action::{CreateBulkAction, MAX_TARGETS, RetryScope, Targets};
use wire::api::channel::ChannelChange;
use wire::api::content::Says;
use wire::api::conversation::read_assignment;
use wire::api::fields::Body;
use wire::api::http::Reply;
use wire::api::member::{MAX_IMPORT, read_member};
use wire::api::organisation::read_organisation;
use wire::api::problem::Problem;
use wire::api::single::{SingleSend, read_reply};
use wire::api::template::read_template;

/// A refusal is the caller's fault, says why, and its answer is JSON that fits into an answer and is fit to be shown.
fn refused(problem: Problem, status: u16) {
    assert_eq!(problem.status, status, "{problem:?}");
    assert!(status != 422 || !problem.errors.is_empty(), "{problem:?}");
    assert!(problem.errors.len() <= 1_000);
    let reply = Reply::from(problem);
    assert!(reply.body.len() < 1_000_000, "{} bytes", reply.body.len());
    let shown: Value = serde_json::from_str(&reply.body).expect("an answer is JSON");
    let texts = [&shown["detail"]]
        .into_iter()
        .chain(shown["errors"].as_array().into_iter().flatten().map(|e| &e["message"]));
    for text in texts.filter_map(Value::as_str) {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

fn read<T>(result: Result<T, Problem>) -> Option<T> {
    result.map_err(|problem| refused(problem, 422)).ok()
}

/// Every route's body.
pub(super) fn bodies(bytes: &[u8]) {
    let body = match Body::parse(bytes, Some("application/json")) {
        Ok(body) => body,
        Err(problem) => {
            return refused(problem, if bytes.len() > wire::api::fields::MAX_BODY { 413 } else { 400 });
        }
    };
    if let Some(action) = read(CreateBulkAction::read(&body)) {
        assert!((1..=3).contains(&action.messages.len()));
        if let Targets::Ids(ids) = &action.targets {
            assert!((1..=MAX_TARGETS).contains(&ids.len()));
        }
        action.messages.iter().for_each(|message| says(&message.says));
    }
    if let Some(message) = read(SingleSend::read(&body)) {
        says(&message.message.says);
    }
    for channel in Channel::ALL {
        read(read_reply(&body, channel)).iter().for_each(says);
        if let Some(change) = read(ChannelChange::read(&body, channel)) {
            read(change.apply(None, super::now()));
        }
    }
    read(RetryScope::read(&body));
    read(read_assignment(&body));
    read(read_organisation(&body, &"demo".parse().expect("an id")));
    read(read_template(&body, &"t1".parse().expect("an id")));
    let id: MemberId = "m1".parse().expect("an id");
    if let Some(member) = read(read_member(&body, &id)) {
        let shown = serde_json::to_vec(&member).expect("a member is JSON");
        let again = Body::parse(&shown, None).expect("what is answered is read");
        assert_eq!(read_member(&again, &id).expect("what a GET answers can be PUT"), member);
    }
}

/// What is typed is parsed again when it is sent; it must not surprise anybody then.
fn says(says: &Says) {
    if let Says::Typed(body) = says
        && let Ok(prepared) = body.prepare()
    {
        let nobody = std::collections::BTreeMap::new();
        if let Ok(rendered) = prepared.render(&nobody) {
            assert!(rendered.text().len() <= 256 * 1024);
        }
    }
}

/// An import in each of its three forms.
pub(super) fn imports(bytes: &[u8]) {
    for media_type in ["application/json", "application/x-ndjson", "text/csv"] {
        match rows::read(bytes, Some(media_type)) {
            Ok(rows) => {
                assert!(rows.len() <= MAX_IMPORT);
                for row in rows {
                    assert!(row.id.as_ref().is_none_or(|id| id.chars().count() <= 64));
                    match row.member {
                        Ok(member) => assert_eq!(row.id.as_deref(), Some(member.id.as_str())),
                        Err(errors) => assert!(!errors.is_empty(), "a row is refused for a reason"),
                    }
                }
            }
            Err(problem) => {
                let status = problem.status;
                assert!([400, 413, 422].contains(&status), "{problem:?}");
                refused(problem, status);
            }
        }
    }
}
