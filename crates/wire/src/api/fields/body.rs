//! The bytes of a body: their size, their media type, and their JSON.

use serde_json::Value;

use super::super::http::Request;
use super::super::problem::Problem;
use super::json::Once;

/// Longest request body, in bytes.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// Ways to read a request's body.
#[derive(Debug, Clone, Copy)]
pub struct Body;

impl Body {
    /// A JSON body. A missing `Content-Type` counts as JSON.
    ///
    /// # Errors
    /// 413 if it is too long, 415 if it is called something else than JSON in UTF-8, 400 with line and column if it is
    /// not JSON.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Value, Problem> {
        Self::check_size(bytes)?;
        match Self::media_type(content_type)?.as_str() {
            "" | "application/json" => Self::json(bytes),
            other => Err(Self::unsupported(other, "application/json")),
        }
    }

    /// The JSON body of a request.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of(request: &Request) -> Result<Value, Problem> {
        Self::parse(&request.body, request.header("content-type"))
    }

    /// The body of a request that has nothing to say: `{}`, or no body at all.
    ///
    /// # Errors
    /// As [`Self::parse`]; 422 if it has fields.
    pub fn parse_nothing(bytes: &[u8], content_type: Option<&str>) -> Result<(), Problem> {
        if bytes.is_empty() {
            return Ok(());
        }
        super::read(&Self::parse(bytes, content_type)?, |_| Some(()))
    }

    /// # Errors
    /// 413 if the body is longer than [`MAX_BODY`].
    pub fn check_size(bytes: &[u8]) -> Result<(), Problem> {
        if bytes.len() <= MAX_BODY {
            return Ok(());
        }
        let detail = format!("A request body may have at most {MAX_BODY} bytes");
        Err(Problem::new(413, "too-large", "Body too large", detail))
    }

    /// The media type in lower case without its parameters; empty if the request names none.
    ///
    /// # Errors
    /// 415 if it names another character set than UTF-8.
    pub fn media_type(content_type: Option<&str>) -> Result<String, Problem> {
        let mut parts = content_type.unwrap_or_default().split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let charset = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.trim().trim_matches('"').to_ascii_lowercase())
        });
        match charset.as_deref() {
            None | Some("utf-8" | "utf8" | "us-ascii") => Ok(essence),
            Some(_) => Err(Self::unsupported("another character set", "UTF-8")),
        }
    }

    /// 415, naming what would do.
    pub fn unsupported(given: &str, allowed: &str) -> Problem {
        let given: String = given.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(64).collect();
        let detail = format!("The body is sent as {given}; send it as {allowed}");
        Problem::new(415, "unsupported-media-type", "Unsupported media type", detail)
    }

    /// JSON text, with or without a byte order mark, in which no field is given twice.
    ///
    /// # Errors
    /// 400 with line and column.
    pub fn json(bytes: &[u8]) -> Result<Value, Problem> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Problem::new(400, "bad-json", "Bad JSON", "The body is empty; send a JSON object"));
        }
        Self::value(bytes).map_err(|error| {
            Problem::new(400, "bad-json", "Bad JSON", format!("The body is not JSON: {error}"))
                .with("line", error.line())
                .with("column", error.column())
        })
    }

    /// The same for a part of a body.
    ///
    /// # Errors
    /// What is wrong and where: for a tree of values that is about syntax and never quotes the text.
    pub fn value(bytes: &[u8]) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(bytes).map(|Once(value)| value)
    }
}
