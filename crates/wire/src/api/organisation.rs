//! The organisation's own settings.

use domain::OrgId;
use domain::settings::{Mailbox, Organisation, check_time_zone, country};
use serde::Serialize;
use serde_json::Value;

use super::fields::{Field, Text, read};
use super::problem::Problem;

/// Longest name of an organisation, in characters.
const MAX_NAME: usize = 200;
/// Longest answer to HELP, in characters: one SMS body of Twilio.
const MAX_HELP: usize = 1_600;
/// Longest mailbox, in characters.
const MAX_MAILBOX: usize = 320;

/// An organisation, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrganisationView<'a> {
    id: &'a OrgId,
    name: &'a str,
    country: &'a str,
    time_zone: &'a str,
    help_text: Option<&'a str>,
    reply_to: Option<&'a str>,
}

impl<'a> From<&'a Organisation> for OrganisationView<'a> {
    fn from(organisation: &'a Organisation) -> Self {
        Self {
            id: &organisation.id,
            name: &organisation.name,
            country: &organisation.country,
            time_zone: &organisation.time_zone,
            help_text: organisation.help_text.as_deref(),
            reply_to: organisation.reply_to.as_deref(),
        }
    }
}

/// Reads the body of `PUT /organisation`.
///
/// # Errors
/// 422 with everything that does not fit.
pub fn read_organisation(body: &Value, org: &OrgId) -> Result<Organisation, Problem> {
    read(body, |f| {
        same_id(&f.optional("id"), org.as_str());
        let name = f.required("name").said(Text::line(MAX_NAME));
        let country = read_country(&f.required("country"));
        let zone = f.optional("time_zone");
        let time_zone = zone.text(Text::line(64)).unwrap_or_else(|| "UTC".into());
        if let Err(error) = check_time_zone(&time_zone) {
            zone.fail("time_zone", error.to_string());
        }
        let help_text = f.optional("help_text").text(Text::block(MAX_HELP));
        let reply_to = read_mailbox(&f.optional("reply_to"));
        Some(Organisation { id: org.clone(), name: name?, country: country?, time_zone, help_text, reply_to })
    })
}

/// The code of a country, in upper case.
pub(super) fn read_country(field: &Field<'_>) -> Option<String> {
    let text = field.str(Text::line(10))?;
    country(text).map_err(|error| field.fail("country", error.to_string())).ok()
}

/// A mailbox, as it is given.
pub(super) fn read_mailbox(field: &Field<'_>) -> Option<String> {
    let text = field.str(Text::line(MAX_MAILBOX))?;
    let mailbox = text.parse::<Mailbox>().map_err(|error| field.fail("mailbox", error.to_string())).ok()?;
    Some(mailbox.to_string())
}

/// An id in a body may be left out; if it is there, it is that of the path.
pub(super) fn same_id(field: &Field<'_>, of_path: &str) {
    if field.str(Text::line(64)).is_some_and(|id| id != of_path) {
        field.fail("mismatch", "must be the id in the path, or be left out");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<Organisation, Vec<(String, String)>> {
        read_organisation(body, &"demo".parse().unwrap())
            .map_err(|problem| problem.errors.into_iter().map(|error| (error.field, error.code)).collect())
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let organisation = read(&json!({"name": "St Mark", "country": "gb"})).unwrap();
        let view = serde_json::to_value(OrganisationView::from(&organisation)).unwrap();
        let expected = json!({"id": "demo", "name": "St Mark", "country": "GB", "time_zone": "UTC", "help_text": null, "reply_to": null});
        assert_eq!(view, expected);
        assert_eq!(read(&view), Ok(organisation), "what a GET answers can be PUT");
    }

    #[test]
    fn everything_that_does_not_fit_is_reported() {
        let body = json!({
            "id": "other", "name": "a\r\nb", "country": "ZZ", "time_zone": "Europe Zagreb", "help_text": "", "reply_to": "x", "x": 1
        });
        let errors = read(&body).unwrap_err();
        let found: Vec<_> = errors.iter().map(|(field, code)| (field.as_str(), code.as_str())).collect();
        let expected = [
            ("id", "mismatch"),
            ("name", "character"),
            ("country", "country"),
            ("time_zone", "time_zone"),
            ("help_text", "too_short"),
            ("reply_to", "mailbox"),
            ("x", "unknown"),
        ];
        assert_eq!(found, expected);
    }
}
