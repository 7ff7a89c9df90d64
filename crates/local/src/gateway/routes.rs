//! Finds the route of a request, by API Gateway's order: the most specific wins.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use percent_encoding::percent_decode_str;

/// Routes with what they lead to.
#[derive(Debug)]
pub(super) struct Routes<T> {
    /// The most specific first.
    entries: Vec<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    method: Option<String>,
    path: String,
    pattern: Vec<Part>,
    target: T,
}

/// One part of a path; the order is the order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Literal(String),
    Parameter(String),
    /// `{name+}`: the rest of the path, of at least one part.
    Greedy(String),
    /// `$default`: any path.
    Anything,
}

/// A route that was found.
#[derive(Debug)]
pub(super) struct Found<'a, T> {
    pub(super) target: &'a T,
    /// Method and path of the route, as in `GET /things/{id}`.
    pub(super) key: String,
    /// The parameters, decoded.
    pub(super) parameters: BTreeMap<String, String>,
}

impl<T> Routes<T> {
    /// Orders routes of (method or any, path, target).
    ///
    /// # Errors
    /// When a path is no route, or two routes are the same.
    pub(super) fn new(routes: impl IntoIterator<Item = (Option<String>, String, T)>) -> Result<Self> {
        let mut entries = Vec::new();
        for (method, path, target) in routes {
            entries.push(Entry { method, pattern: pattern(&path)?, path, target });
        }
        // Compared part by part, so that a literal on the left beats one on the right; then a method beats any.
        entries.sort_by(|a, b| {
            (rank(&a.pattern), a.method.is_none()).cmp(&(rank(&b.pattern), b.method.is_none()))
        });
        Ok(Self { entries })
    }

    /// The route of a request; `path` is as it stands in the request line, without the query.
    pub(super) fn find(&self, method: &str, path: &str) -> Option<Found<'_, T>> {
        // A part that is no text is none that a route asks for.
        let parts: Vec<Option<String>> = split(path).into_iter().map(decode).collect();
        self.entries.iter().find_map(|entry| {
            if entry.method.as_deref().is_some_and(|own| own != method) {
                return None;
            }
            let parameters = matches(&entry.pattern, &parts)?;
            let key = match entry.path.as_str() {
                "$default" => "$default".to_owned(),
                path => format!("{} {path}", entry.method.as_deref().unwrap_or("ANY")),
            };
            Some(Found { target: &entry.target, key, parameters })
        })
    }
}

fn split(path: &str) -> Vec<&str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split('/').collect()
}

fn pattern(path: &str) -> Result<Vec<Part>> {
    if path == "$default" {
        return Ok(vec![Part::Anything]);
    }
    let parts = split(path);
    let last = parts.len() - 1;
    parts
        .iter()
        .enumerate()
        .map(|(place, part)| {
            let Some(name) = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
                return Ok(Part::Literal((*part).to_owned()));
            };
            match name.strip_suffix('+') {
                Some(name) if place == last => Ok(Part::Greedy(name.to_owned())),
                Some(_) => bail!("{path}: only the last part of a path can be greedy"),
                None => Ok(Part::Parameter(name.to_owned())),
            }
        })
        .collect()
}

fn rank(pattern: &[Part]) -> Vec<u8> {
    let rank = |part: &Part| match part {
        Part::Literal(_) => 0,
        Part::Parameter(_) => 1,
        Part::Greedy(_) => 2,
        Part::Anything => 3,
    };
    pattern.iter().map(rank).collect()
}

fn matches(pattern: &[Part], parts: &[Option<String>]) -> Option<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    for (place, part) in pattern.iter().enumerate() {
        match part {
            Part::Literal(text) => {
                if parts.get(place)?.as_ref()? != text {
                    return None;
                }
            }
            Part::Parameter(name) => {
                let value = parts.get(place)?.as_ref()?;
                if value.is_empty() {
                    return None;
                }
                parameters.insert(name.clone(), value.clone());
            }
            Part::Greedy(name) => {
                let rest: Option<Vec<&str>> = parts.get(place..)?.iter().map(Option::as_deref).collect();
                let rest = rest?.join("/");
                if rest.is_empty() {
                    return None;
                }
                parameters.insert(name.clone(), rest);
                return Some(parameters);
            }
            Part::Anything => return Some(parameters),
        }
    }
    (pattern.len() == parts.len()).then_some(parameters)
}

/// Percent-decodes; `None` when the bytes are not UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes<u8> {
        let route = |method: &str, path: &str, target| {
            ((method != "ANY").then(|| method.to_owned()), path.to_owned(), target)
        };
        Routes::new([
            route("ANY", "$default", 0),
            route("GET", "/members/{id}", 1),
            route("POST", "/members/import", 2),
            route("GET", "/members/{id}/opt-outs", 3),
            route("ANY", "/members/{id}", 4),
            route("GET", "/files/{path+}", 5),
            route("GET", "/files/{name}/info", 6),
            route("GET", "/members", 7),
            route("PUT", "/members/{id}", 8),
        ])
        .unwrap()
    }

    fn target(method: &str, path: &str) -> u8 {
        *routes().find(method, path).unwrap().target
    }

    #[test]
    fn a_literal_wins_over_a_parameter() {
        assert_eq!(target("POST", "/members/import"), 2);
        assert_eq!(target("GET", "/members/import"), 1);
        assert_eq!(target("PUT", "/members/m1"), 8);
    }

    #[test]
    fn a_named_method_wins_over_any_on_the_same_path() {
        assert_eq!(target("GET", "/members/m1"), 1);
        assert_eq!(target("DELETE", "/members/m1"), 4);
    }

    #[test]
    fn a_parameter_wins_over_a_greedy_one_and_the_default_is_last() {
        assert_eq!(target("GET", "/files/a/info"), 6);
        assert_eq!(target("GET", "/files/a/b/c"), 5);
        assert_eq!(target("GET", "/files/"), 0);
        assert_eq!(target("GET", "/nowhere"), 0);
        assert_eq!(target("GET", "/members/"), 0);
    }

    #[test]
    fn parameters_are_decoded_and_do_not_span_parts() {
        let routes = routes();
        let found = routes.find("GET", "/members/a%2Fb%20c/opt-outs").unwrap();
        assert_eq!(found.parameters["id"], "a/b c");
        assert_eq!(found.key, "GET /members/{id}/opt-outs");
        assert_eq!(routes.find("GET", "/files/x/y%20z").unwrap().parameters["path"], "x/y z");
    }

    #[test]
    fn bytes_that_are_no_text_match_nothing_but_the_default() {
        assert_eq!(target("GET", "/members/%ff"), 0);
    }
}
