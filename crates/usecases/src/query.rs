//! Parameters of a query string. Whatever does not fit is refused by name, so that a misspelt filter never reads as none.

use std::fmt::Display;
use std::str::FromStr;

use wire::api::http::Request;
use wire::api::problem::Problem;

use crate::Refused;

/// Longest name that an answer repeats, in characters.
const MAX_NAME: usize = 64;
/// How many a list answers with unless it is asked for another number.
const DEFAULT_LIMIT: usize = 50;

/// The parameters of a request, each at most once and all of them known.
#[derive(Debug)]
pub(crate) struct Query {
    given: Vec<(String, String)>,
}

impl Query {
    /// Reads the parameters of `request`, which may be those in `known`.
    ///
    /// # Errors
    /// 400 if one is not known or comes twice.
    pub(crate) fn parse(request: &Request, known: &[&str]) -> Result<Self, Refused> {
        let mut given: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(request.raw_query.as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(unknown(&name, known));
            }
            if given.iter().any(|(other, _)| *other == name) {
                return Err(refused(&name, "is given twice; give it once"));
            }
            given.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self { given })
    }

    /// A parameter as it was given.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that `T` reads.
    ///
    /// # Errors
    /// 400 with what it must be.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Refused> {
        let parse = |text: &str| text.parse().map_err(|error| refused(name, &format!("{error}")));
        self.text(name).map(parse).transpose()
    }

    /// A parameter that is one of `choices`, which `spell` spells.
    ///
    /// # Errors
    /// 400 with all of them.
    pub(crate) fn choice<T: Copy>(
        &self,
        name: &str,
        choices: &[T],
        spell: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, Refused> {
        let Some(text) = self.text(name) else { return Ok(None) };
        if let Some(choice) = choices.iter().find(|choice| spell(**choice) == text) {
            return Ok(Some(*choice));
        }
        let names: Vec<&str> = choices.iter().map(|choice| spell(*choice)).collect();
        Err(refused(name, &format!("must be one of {}", names.join(", "))))
    }

    /// How many to answer with.
    ///
    /// # Errors
    /// 400 unless it is a number from 1 to `most`.
    pub(crate) fn limit(&self, most: usize) -> Result<usize, Refused> {
        let Some(text) = self.text("limit") else { return Ok(DEFAULT_LIMIT) };
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| refused("limit", &format!("must be a whole number from 1 to {most}")))
    }

    /// What was asked for apart from the part of the list: a cursor continues only a list of the same.
    pub(crate) fn filters(&self) -> String {
        let mut filters: Vec<_> =
            self.given.iter().filter(|(name, _)| name != "limit" && name != "cursor").collect();
        filters.sort();
        form_urlencoded::Serializer::new(String::new()).extend_pairs(filters).finish()
    }

    /// The query string of the next page.
    pub(crate) fn next(&self, cursor: &str) -> String {
        let same = self.given.iter().filter(|(name, _)| name != "cursor");
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(same)
            .append_pair("cursor", cursor)
            .finish()
    }
}

/// 400 for a parameter that is not what it must be.
pub(crate) fn refused(name: &str, message: &str) -> Refused {
    Problem::bad_request(format!("The parameter {name} {message}")).with("parameter", name).into()
}

fn unknown(name: &str, known: &[&str]) -> Refused {
    let short: String = name.chars().take(MAX_NAME).collect();
    let name = short.escape_debug().to_string();
    if known.is_empty() {
        return refused(&name, "is unknown; there are none here");
    }
    refused(&name, &format!("is unknown; there are {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Channel, MessageStatus};

    const KNOWN: [&str; 5] = ["status", "channel", "limit", "cursor", "member_id"];

    fn query(raw: &str) -> Result<Query, Refused> {
        Query::parse(&Request { raw_query: raw.into(), ..Request::default() }, &KNOWN)
    }

    fn parameter<T: std::fmt::Debug>(result: Result<T, Refused>) -> (u16, String) {
        match result.unwrap_err() {
            Refused::Problem(problem) => {
                (problem.status, problem.more["parameter"].as_str().unwrap().to_owned())
            }
            Refused::Fault(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_parameter_that_is_unknown_or_comes_twice_is_refused_by_name() {
        assert_eq!(parameter(query("stauts=failed")), (400, "stauts".to_owned()));
        assert_eq!(parameter(query("status=sent&status=read")), (400, "status".to_owned()));
        assert_eq!(parameter(query("%0Ax=1")), (400, "\\nx".to_owned()));
        assert_eq!(parameter(query(&"x".repeat(5_000))).1.len(), MAX_NAME);
    }

    #[test]
    fn a_limit_is_a_number_within_its_range() {
        assert_eq!(query("").unwrap().limit(200).unwrap(), 50);
        assert_eq!(query("limit=200").unwrap().limit(200).unwrap(), 200);
        for bad in ["0", "201", "-1", "", "ten", "1e2", "18446744073709551616"] {
            assert_eq!(
                parameter(query(&format!("limit={bad}")).unwrap().limit(200)),
                (400, "limit".to_owned()),
                "{bad}"
            );
        }
    }

    #[test]
    fn values_are_decoded_and_an_empty_one_is_no_absent_one() {
        let query = query("channel=s%6ds&status=&member_id=a+b").unwrap();
        assert_eq!(query.parsed::<Channel>("channel").unwrap(), Some(Channel::Sms));
        let status = query.choice("status", MessageStatus::ALL, MessageStatus::as_str);
        assert_eq!(parameter(status), (400, "status".to_owned()));
        assert_eq!(parameter(query.parsed::<domain::MemberId>("member_id")), (400, "member_id".to_owned()));
    }

    #[test]
    fn filters_are_the_same_in_any_order_and_whatever_the_part() {
        let first = query("status=sent&channel=sms&limit=5").unwrap().filters();
        assert_eq!(first, query("channel=sms&cursor=abc&status=s%65nt").unwrap().filters());
        assert_ne!(first, query("channel=sms").unwrap().filters());
        assert_eq!(
            query("limit=5&cursor=a&status=sent").unwrap().next("b c"),
            "limit=5&status=sent&cursor=b+c"
        );
    }
}
