//! Message templates.

use domain::content::{Component, MAX_PARAMETER, MAX_SMS, MAX_SUBJECT, ParameterSlot};
use domain::settings::{
    TemplateContent, TemplateParameter, TemplateProblem, TemplateSettings, TemplateStatus,
    placeholder_problems, text_problem,
};
use domain::{Channel, TemplateId};
use serde::Serialize;
use serde_json::Value;

use super::content::MAX_EMAIL_BYTES;
use super::fields::{Field, Fields, Text, read};
use super::organisation::same_id;
use super::problem::Problem;

/// Longest name, in characters (Meta's limit).
const MAX_NAME: usize = 512;
/// Longest text of a WhatsApp template, in characters.
const MAX_WHATSAPP: usize = 4_096;
/// Most bytes of the defaults of a template's parameters together: a template is one item of 400 KB at most.
const MAX_DEFAULTS: usize = 100 * 1024;
/// Most parameters of a template.
const MAX_PARAMETERS: usize = 100;

/// A template, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TemplateView<'a> {
    id: &'a TemplateId,
    channel: Channel,
    name: &'a str,
    language: Option<&'a str>,
    subject: Option<&'a str>,
    body: &'a str,
    html: Option<&'a str>,
    parameters: &'a [TemplateParameter],
    status: TemplateStatus,
}

impl<'a> From<&'a TemplateSettings> for TemplateView<'a> {
    fn from(template: &'a TemplateSettings) -> Self {
        let content = &template.content;
        let (subject, html): (Option<&str>, Option<&str>) = match content {
            TemplateContent::Email { subject, html, .. } => (Some(subject), html.as_deref()),
            TemplateContent::Sms { .. } | TemplateContent::WhatsApp { .. } => (None, None),
        };
        let parameters: &[TemplateParameter] = match content {
            TemplateContent::WhatsApp { parameters, .. } => parameters,
            TemplateContent::Sms { .. } | TemplateContent::Email { .. } => &[],
        };
        Self {
            id: &template.id,
            channel: template.channel(),
            name: &template.name,
            language: content.language(),
            subject,
            body: content.text(),
            html,
            parameters,
            status: template.status,
        }
    }
}

/// Reads the body of `PUT /templates/{id}`.
///
/// # Errors
/// 422 with everything that does not fit.
pub fn read_template(body: &Value, id: &TemplateId) -> Result<TemplateSettings, Problem> {
    read(body, |f| {
        same_id(&f.optional("id"), id.as_str());
        let channels = Channel::ALL.map(|channel| (channel.as_str(), channel));
        let channel = f.required("channel").choice(&channels);
        let status = f.optional("status").choice(&TemplateStatus::NAMES).unwrap_or(TemplateStatus::Approved);
        let name = read_name(&f.required("name"), channel);
        let content = match channel {
            Some(Channel::Sms) => read_sms(f),
            Some(Channel::WhatsApp) => read_whatsapp(f),
            Some(Channel::Email) => read_email(f),
            None => read_of_no_channel(f),
        };
        Some(TemplateSettings { id: id.clone(), name: name?, status, content: content? })
    })
}

/// Reports what would keep a text from being written.
fn check(f: &Fields<'_>, field: &str, text: Option<&String>, may_unsubscribe: bool) {
    if let Some(problem) = text.and_then(|text| text_problem(text, may_unsubscribe)) {
        f.fail(field, code(&problem), problem.to_string());
    }
}

fn code(problem: &TemplateProblem) -> &'static str {
    match problem {
        TemplateProblem::Variable(_) | TemplateProblem::UnsubscribeUrl => "variable",
        TemplateProblem::TooManyVariables(_) => "too_many",
        TemplateProblem::NoParameter(_) | TemplateProblem::NoPlaceholder(_) => "placeholder",
        TemplateProblem::Twice(_) => "duplicate",
    }
}

fn read_name(field: &Field<'_>, channel: Option<Channel>) -> Option<String> {
    let name = field.text(Text::line(MAX_NAME))?;
    let of_meta = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if channel == Some(Channel::WhatsApp) && !name.bytes().all(of_meta) {
        field.fail("name", "must be Meta's name of the template: lower-case letters, digits and _");
        return None;
    }
    Some(name)
}

fn read_sms(f: &Fields<'_>) -> Option<TemplateContent> {
    for name in ["subject", "html"] {
        refuse(&f.optional(name), "an SMS has none");
    }
    refuse_parameters(f);
    let language = read_language(&f.optional("language"));
    let text = f.required("body").text(Text::block(MAX_SMS));
    check(f, "body", text.as_ref(), false);
    Some(TemplateContent::Sms { text: text?, language })
}

fn read_email(f: &Fields<'_>) -> Option<TemplateContent> {
    refuse_parameters(f);
    let part = Text::block(MAX_EMAIL_BYTES).max_bytes(MAX_EMAIL_BYTES);
    let subject = f.required("subject").text(Text::line(MAX_SUBJECT));
    let text = f.required("body").text(part);
    let html = f.optional("html").text(part);
    let language = read_language(&f.optional("language"));
    check(f, "subject", subject.as_ref(), false);
    check(f, "body", text.as_ref(), true);
    check(f, "html", html.as_ref(), true);
    Some(TemplateContent::Email { subject: subject?, text: text?, html, language })
}

fn read_whatsapp(f: &Fields<'_>) -> Option<TemplateContent> {
    for name in ["subject", "html"] {
        refuse(&f.optional(name), "a WhatsApp template has none");
    }
    let language = read_language(&f.required("language"));
    let text = f.required("body").text(Text::block(MAX_WHATSAPP));
    let parameters = read_parameters(&f.optional("parameters"));
    for (field, problem) in placeholder_problems(text.as_deref(), &parameters) {
        f.fail(&field, code(&problem), problem.to_string());
    }
    let parameters = parameters.into_iter().collect::<Option<_>>();
    Some(TemplateContent::WhatsApp { text: text?, language: language?, parameters: parameters? })
}

/// The parameters; `None` in place of what is none.
fn read_parameters(given: &Field<'_>) -> Vec<Option<TemplateParameter>> {
    if given.value().is_none() {
        return Vec::new();
    }
    let parameters = given.array(0..=MAX_PARAMETERS, |one| Some(one.object(read_parameter)));
    let read = parameters.iter().flatten().flatten();
    let defaults = read.filter_map(|one| one.default.as_ref()).map(String::len).sum::<usize>();
    if defaults > MAX_DEFAULTS {
        given.fail("too_long", format!("may have defaults of {MAX_DEFAULTS} bytes in all"));
    }
    parameters.unwrap_or_else(|| vec![None])
}

/// What can be said of the fields where the channel, on which the rest depends, is not known.
fn read_of_no_channel(f: &Fields<'_>) -> Option<TemplateContent> {
    let part = Text::block(MAX_EMAIL_BYTES).max_bytes(MAX_EMAIL_BYTES);
    read_language(&f.optional("language"));
    f.optional("subject").text(Text::line(MAX_SUBJECT));
    f.required("body").text(part);
    f.optional("html").text(part);
    read_parameters(&f.optional("parameters"));
    None
}

fn refuse(field: &Field<'_>, why: &str) {
    if field.value().is_some() {
        field.fail("not_here", format!("must be left out: {why}"));
    }
}

/// An empty list is how a template without parameters reads.
fn refuse_parameters(f: &Fields<'_>) {
    let field = f.optional("parameters");
    if field.value().is_some_and(|value| value.as_array().is_none_or(|all| !all.is_empty())) {
        field.fail(
            "not_here",
            "must be left out: only WhatsApp templates have parameters, other texts hold variables",
        );
    }
}

/// Meta's codes of languages, which others may use as well: `en`, `en_US`, `zh_CN`, `sr_Latn`.
fn read_language(field: &Field<'_>) -> Option<String> {
    let language = field.text(Text::line(15))?;
    let shaped = language.starts_with(|c: char| c.is_ascii_lowercase())
        && language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if !shaped {
        field.fail("language", "must be the code of a language, such as en or en_US");
        return None;
    }
    Some(language)
}

fn read_parameter(f: &Fields<'_>) -> Option<TemplateParameter> {
    let component = f.required("component").choice(&[
        ("header", Component::Header),
        ("body", Component::Body),
        ("button", Component::Button),
    ]);
    let position = f.optional("position").integer(1..=100_u32);
    let name_field = f.optional("name");
    let name = name_field.text(Text::line(64));
    let of_meta = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.as_ref().is_some_and(|name| !name.bytes().all(of_meta)) {
        name_field.fail("name", "must be Meta's name of the parameter: lower-case letters, digits and _");
    }
    if f.has("position") == f.has("name") {
        f.fail_whole("slot", "must have either position or name, and not both");
    }
    let index = f.optional("index").integer(0..=9_u8);
    match (component, f.has("index")) {
        (Some(Component::Button), false) => {
            f.fail("index", "required", "is required for a button: which one, from 0");
        }
        (Some(Component::Header | Component::Body), true) => {
            f.fail("index", "not_here", "must be left out: only buttons are counted");
        }
        _ => {}
    }
    let default = f.optional("default").text(Text::line(MAX_PARAMETER).or_empty());
    check(f, "default", default.as_ref(), false);
    let slot = position.map(ParameterSlot::Position).or(name.map(ParameterSlot::Name));
    Some(TemplateParameter { slot: slot?, component: component?, index, default })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<TemplateSettings, Vec<(String, String)>> {
        read_template(body, &"t1".parse().unwrap())
            .map_err(|problem| problem.errors.into_iter().map(|error| (error.field, error.code)).collect())
    }

    fn found(body: &Value) -> Vec<(String, String)> {
        read(body).unwrap_err()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(field, code)| ((*field).to_owned(), (*code).to_owned())).collect()
    }

    #[test]
    fn a_template_of_each_channel_reads_back_as_it_was_put() {
        let all = [
            json!({"channel": "sms", "name": "Moved", "body": "Hi {{member.first_names}}", "status": "pending"}),
            json!({"channel": "email", "name": "Moved", "subject": "Moved", "body": "x", "html": "<p>{{unsubscribe_url}}"}),
            json!({
                "channel": "whatsapp", "name": "service_moved", "language": "en_US", "body": "Hi {{1}}", "parameters": [
                    {"position": 1, "component": "body", "default": "{{member.first_names}}"},
                    {"position": 1, "component": "button", "index": 0}
                ]
            }),
        ];
        for body in all {
            let template = read(&body).unwrap();
            let view = serde_json::to_value(TemplateView::from(&template)).unwrap();
            for (field, value) in body.as_object().unwrap() {
                assert_eq!(&view[field], value, "{field}");
            }
            assert_eq!(view.as_object().unwrap().len(), 9);
            assert_eq!(read(&view), Ok(template), "what a GET answers can be PUT");
        }
    }

    #[test]
    fn fields_of_another_channel_are_refused() {
        let body = json!({"channel": "sms", "name": "n", "body": "x", "subject": "s", "html": "h", "parameters": [1]});
        assert_eq!(
            found(&body),
            pairs(&[("subject", "not_here"), ("html", "not_here"), ("parameters", "not_here")])
        );
    }

    #[test]
    fn a_subject_with_a_line_break_and_a_body_with_a_bad_variable_are_refused_at_once() {
        let body = json!({"channel": "email", "name": "", "subject": "a\r\nBcc: x", "body": "{{nobody}}"});
        assert_eq!(
            found(&body),
            pairs(&[("name", "too_short"), ("subject", "character"), ("body", "variable")])
        );
    }

    #[test]
    fn a_whatsapp_template_has_metas_name_language_and_parameters() {
        let body = json!({"channel": "whatsapp", "name": "Service Moved", "language": "English (US)", "body": "{{1}}", "parameters": [
            {"component": "body"}, {"component": "button", "position": 1}, {"component": "foot", "name": "A", "position": 0}
        ]});
        let expected = [
            ("name", "name"),
            ("language", "language"),
            ("parameters[0]", "slot"),
            ("parameters[1].index", "required"),
            ("parameters[2].component", "choice"),
            ("parameters[2].position", "range"),
            ("parameters[2].name", "name"),
            ("parameters[2]", "slot"),
        ];
        assert_eq!(found(&body), pairs(&expected));
        let body = json!({"channel": "whatsapp", "name": "n", "language": "en", "body": "Hi {{1}}"});
        assert_eq!(found(&body), pairs(&[("body", "placeholder")]));
    }

    #[test]
    fn a_parameter_that_does_not_read_hides_nothing_of_the_others() {
        let body = json!({"channel": "whatsapp", "name": "n", "language": "en", "body": "{{1}} {{2}}", "parameters": [
            {"component": "body", "position": 1, "default": "{{nobody}}"}, "two",
            {"component": "body", "position": 1}, {"component": "body", "position": 9}
        ]});
        let expected = [
            ("parameters[0].default", "variable"),
            ("parameters[1]", "type"),
            ("parameters[2]", "duplicate"),
            ("parameters[3]", "placeholder"),
        ];
        assert_eq!(found(&body), pairs(&expected), "whether the second is {{{{2}}}} nobody can tell");
    }

    #[test]
    fn without_a_channel_everything_else_is_read_all_the_same() {
        let required = [("channel", "required"), ("name", "required"), ("body", "required")];
        assert_eq!(found(&json!({})), pairs(&required));
        let body = json!({"channel": "fax", "name": "", "body": "x", "language": "?", "parameters": [{}], "colour": 1});
        let expected = [
            ("channel", "choice"),
            ("name", "too_short"),
            ("language", "language"),
            ("parameters[0].component", "required"),
            ("parameters[0]", "slot"),
            ("colour", "unknown"),
        ];
        assert_eq!(found(&body), pairs(&expected));
    }
}
