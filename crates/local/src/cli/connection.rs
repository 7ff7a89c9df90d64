//! The running stack that a command speaks to, and what it says when that fails.

use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;
use reqwest::{Method, StatusCode};
use serde_json::Value as Json;

use super::{DEFAULT_ORG, DEFAULT_PORT, Data};
use crate::{
    api::{Api, ApiError, readable},
    data::DataFolder,
    jwt::{Grant, Keys},
};

const PERMISSIONS: &[&str] =
    &["members.edit", "members.view", "messaging.send", "messaging.view", "messaging.manage"];

/// Which stack, which organisation, and how to answer.
#[derive(Debug, Args)]
pub(super) struct Connection {
    /// The port of the running stack.
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// The organisation that acts.
    #[arg(long, default_value = DEFAULT_ORG)]
    org: String,
    #[command(flatten)]
    data: Data,
    /// Print the API's JSON, one document, instead of text for people.
    #[arg(long)]
    pub(super) json: bool,
}

impl Connection {
    /// A client with a token of the stack's own key.
    pub(super) fn api(&self) -> Result<Api> {
        let keys = Keys::load(&DataFolder::open(&self.data.data)?)?;
        let token = keys.sign(&Grant {
            org_id: self.org.clone(),
            sub: "command-line".into(),
            permissions: PERMISSIONS.iter().map(|name| (*name).to_owned()).collect(),
            ttl: Duration::from_hours(24),
        })?;
        Api::new(self.base_url(), token)
    }

    fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A command line for the same stack, to be copied.
    pub(super) fn command(&self, line: &str) -> String {
        let mut command = format!("cargo run -- {line}");
        if self.port != DEFAULT_PORT {
            command.extend([" --port ", &self.port.to_string()]);
        }
        if self.org != DEFAULT_ORG {
            command.extend([" --org ", &self.org]);
        }
        if !self.data.is_default() {
            command.extend([" --data ", &self.data.data.display().to_string()]);
        }
        command
    }

    /// The same error as a sentence that says what to do about it.
    pub(super) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        match error.downcast_ref::<ApiError>() {
            None => error,
            Some(ApiError::Unreachable { base_url, source, .. }) if source.is_connect() => {
                anyhow!(
                    "the stack at {base_url} does not answer; start it with `cargo run`, or name its port with --port"
                )
            }
            Some(ApiError::Unreachable { base_url, method: Method::GET, .. }) => {
                anyhow!("the stack at {base_url} broke off its answer; try again")
            }
            Some(ApiError::Unreachable { base_url, .. }) => anyhow!(
                "the stack at {base_url} broke off its answer, so that nobody knows whether it was done; \
                 look at `{}` before you repeat it",
                self.command("log")
            ),
            Some(ApiError::NotJson { base_url }) => {
                anyhow!("what answers at {base_url} is not Tidings; name the stack's port with --port")
            }
            Some(ApiError::Refused { method, path, status, retry_after, problem }) => {
                anyhow!(self.refusal((method, path), *status, *retry_after, problem))
            }
        }
    }

    fn refusal(
        &self,
        (method, path): (&Method, &str),
        status: StatusCode,
        after: Option<Duration>,
        problem: &Json,
    ) -> String {
        let sentence =
            problem["detail"].as_str().or(problem["title"].as_str()).map(|text| text.trim_end_matches('.'));
        let text = match (status, sentence) {
            (StatusCode::UNAUTHORIZED, _) => format!(
                "the stack at {} does not accept the token that {} gives; name the stack's own folder with --data",
                self.base_url(),
                self.data.data.display()
            ),
            (StatusCode::NOT_FOUND, _) if is_unknown_route(problem) => {
                format!(
                    "the stack at {} has no {method} {path}; it is older than this command",
                    self.base_url()
                )
            }
            (StatusCode::NOT_FOUND, Some(sentence)) if problem["type"] == "/problems/not-found" => {
                let id = path.split('/').nth(2).unwrap_or(path);
                format!("{sentence}: {id}, in the organisation {}", self.org)
            }
            (StatusCode::CONFLICT, Some(sentence)) => match state(problem) {
                Some(state) if !sentence.contains(state) => format!("{sentence}; it is {state}"),
                _ => sentence.to_owned(),
            },
            (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(sentence)) => {
                sentence.to_owned()
            }
            (StatusCode::INTERNAL_SERVER_ERROR, _) => {
                format!("{}; see {}/logs", readable(status, problem), self.data.data.display())
            }
            _ => readable(status, problem),
        };
        match after {
            Some(after) => format!("{text}; try again in {} s", after.as_secs()),
            None => text,
        }
    }
}

/// Whether it is the route that is missing: as the gateway says it, and as the functions do behind the gateway's `$default`.
fn is_unknown_route(problem: &Json) -> bool {
    problem["type"] == "about:blank"
        || problem["detail"].as_str().is_some_and(|detail| detail.contains("no such route"))
}

/// The status of the thing itself, beside the HTTP status that a problem document has under the same name.
fn state(problem: &Json) -> Option<&str> {
    ["current_status", "status"].iter().find_map(|name| problem[*name].as_str())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        connection: Connection,
    }

    fn connection(line: &[&str]) -> Connection {
        Line::try_parse_from(std::iter::once(&"x").chain(line)).unwrap().connection
    }

    #[test]
    fn a_command_to_copy_names_only_what_differs() {
        assert_eq!(connection(&[]).command("log"), "cargo run -- log");
        let other = connection(&["--port", "4000", "--org", "club", "--data", "d"]);
        assert_eq!(other.command("cancel ba_1"), "cargo run -- cancel ba_1 --port 4000 --org club --data d");
    }

    #[test]
    fn refusals_become_one_sentence() {
        let connection = connection(&[]);
        let say = |path: &str, status: u16, after: Option<u64>, problem: Json| {
            let status = StatusCode::from_u16(status).unwrap();
            connection.refusal((&Method::POST, path), status, after.map(Duration::from_secs), &problem)
        };
        let missing = json!({"type": "/problems/not-found", "title": "Not found", "detail": "There is no such bulk action"});
        assert_eq!(
            say("/bulk-actions/ba_9/cancel", 404, None, missing),
            "There is no such bulk action: ba_9, in the organisation demo"
        );
        for route in [
            json!({"type": "about:blank", "title": "Not Found", "detail": "There is no POST /x."}),
            json!({"type": "/problems/not-found", "title": "Not found", "detail": "There is no such route"}),
        ] {
            let says = "the stack at http://127.0.0.1:3000 has no POST /x; it is older than this command";
            assert_eq!(say("/x", 404, None, route), says);
        }
        let conflict = json!({"title": "Conflict", "detail": "Only a queued action can be cancelled.", "status": "delegated"});
        assert_eq!(
            say("/bulk-actions/ba_9/cancel", 409, None, conflict),
            "Only a queued action can be cancelled; it is delegated"
        );
        let limit =
            json!({"title": "Too many requests", "detail": "At most 10 sends a minute", "status": 429});
        assert_eq!(
            say("/bulk-actions", 429, Some(12), limit),
            "At most 10 sends a minute; try again in 12 s"
        );
    }
}
