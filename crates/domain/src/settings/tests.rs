use serde_json::json;

use super::*;
use crate::Channel;
use crate::content::{Component, ParameterSlot};
use crate::variables::MAX_VARIABLES;

fn misfits(text: Option<&str>, parameters: serde_json::Value) -> Vec<(String, String)> {
    let parameters: Vec<Option<TemplateParameter>> = serde_json::from_value(parameters).unwrap();
    let problems = placeholder_problems(text, &parameters);
    problems.into_iter().map(|(field, problem)| (field, problem.to_string())).collect()
}

fn fields(problems: &[(String, String)]) -> Vec<&str> {
    problems.iter().map(|(field, _)| field.as_str()).collect()
}

#[test]
fn countries_are_codes_in_either_case() {
    assert_eq!(country("gb"), Ok("GB".into()));
    assert_eq!(country("XK"), Ok("XK".into()));
    for bad in ["", "G", "GBR", "001", "ZZ", "ÄÖ", "United Kingdom"] {
        assert_eq!(country(bad), Err(UnknownCountry), "{bad}");
    }
}

#[test]
fn time_zones_have_the_form_of_iana_names() {
    for good in ["UTC", "Europe/Zagreb", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
        assert_eq!(check_time_zone(good), Ok(()), "{good}");
    }
    for bad in ["", "/", "Europe/", "+01:00", "Europe Zagreb", "../etc/passwd", "Europe\n"] {
        assert_eq!(check_time_zone(bad), Err(InvalidTimeZone), "{bad}");
    }
}

#[test]
fn a_sender_is_what_its_provider_takes() {
    let service = format!("MG{}", "0a".repeat(16));
    for (channel, good) in [
        (Channel::Sms, "+15005550006"),
        (Channel::Sms, service.as_str()),
        (Channel::WhatsApp, "106540352242922"),
        (Channel::Email, "office@example.org"),
        (Channel::Email, "St Mark <office@example.org>"),
    ] {
        assert_eq!(check_sender(channel, good), Ok(()), "{good}");
    }
    for (channel, bad) in [
        (Channel::Sms, "15005550006"),
        (Channel::Sms, "MG123"),
        (Channel::WhatsApp, "+15005550006"),
        (Channel::WhatsApp, ""),
        (Channel::Email, "office"),
        (Channel::Email, "St Mark <office@example.org"),
        (Channel::Email, "A\r\nBcc: x@example.org <office@example.org>"),
    ] {
        assert!(check_sender(channel, bad).is_err(), "{bad}");
    }
}

#[test]
fn a_mailbox_has_a_name_or_none() {
    let named: Mailbox = " \"St Mark\" <Office@Example.org> ".parse().unwrap();
    assert_eq!(named.to_string(), "St Mark <Office@example.org>");
    assert_eq!("<a@example.org>".parse::<Mailbox>().unwrap().name, None);
    for bad in ["\"a\" b\" <a@example.org>", "a <b <c@example.org>", "a@example.org <b>", ""] {
        assert!(bad.parse::<Mailbox>().is_err(), "{bad}");
    }
}

#[test]
fn rates_are_exact_to_a_thousandth_and_never_zero() {
    assert_eq!(Rate::try_from(0.2).unwrap().thousandths(), 200);
    assert_eq!(serde_json::to_value(Rate::per_second(14)).unwrap(), json!(14.0));
    assert_eq!(serde_json::from_value::<Rate>(json!(20)).unwrap(), Rate::per_second(20));
    for bad in [0.0, 0.009, 10_000.1, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Rate::try_from(bad), Err(RateOutOfRange), "{bad}");
    }
    assert_eq!(Rate::per_second(0).thousandths(), 1_000);
}

#[test]
fn a_template_whose_variables_do_not_parse_says_where() {
    let problem = text_problem("{{member.", true).unwrap().to_string();
    assert!(problem.starts_with("line 1, column 1"), "{problem}");
    let most = "{{member.first_names}}".repeat(MAX_VARIABLES);
    assert_eq!(text_problem(&most, true), None);
    let problem = text_problem(&format!("{most}{{{{org.name}}}}"), true);
    assert_eq!(problem, Some(TemplateProblem::TooManyVariables(MAX_VARIABLES + 1)));
    assert!(text_problem("{{x}}", true).is_some());
    assert_eq!(text_problem("Hi {{member.first_names}}", false), None);
}

#[test]
fn only_mails_have_an_unsubscribe_link() {
    let text = "Bye: {{unsubscribe_url}}";
    assert_eq!(text_problem(text, true), None);
    assert_eq!(text_problem(text, false), Some(TemplateProblem::UnsubscribeUrl));
}

#[test]
fn metas_placeholders_are_no_variables_of_ours() {
    let parameters = json!([
        {"position": 1, "component": "body"},
        {"position": 2, "component": "body", "default": "{{member.first_names}}"},
        {"position": 1, "component": "button", "index": 0},
    ]);
    assert_eq!(misfits(Some("Hi {{1}} at {{ 2 }}"), parameters), []);
}

#[test]
fn parameters_and_placeholders_of_a_whatsapp_template_match() {
    let parameters = json!([
        {"name": "when", "component": "body"},
        {"name": "when", "component": "body"},
        {"name": "where", "component": "body"},
    ]);
    let found = misfits(Some("{{who}} {{when}}"), parameters);
    assert_eq!(fields(&found), ["parameters[1]", "parameters[2]", "body"]);
    assert_eq!(found[2].1, "the body has {{who}}, and no parameter of component body is that");
}

#[test]
fn what_could_not_be_read_is_not_missed() {
    let parameters = json!([null, {"name": "where", "component": "body"}]);
    assert_eq!(fields(&misfits(Some("{{who}}"), parameters.clone())), ["parameters[1]"]);
    assert_eq!(misfits(None, parameters), []);
}

#[test]
fn settings_survive_their_json() {
    let parameter = TemplateParameter {
        slot: ParameterSlot::Name("when".into()),
        component: Component::Header,
        index: None,
        default: Some("soon".into()),
    };
    let text = serde_json::to_string(&parameter).unwrap();
    assert_eq!(serde_json::from_str::<TemplateParameter>(&text).unwrap(), parameter);
    let channel = ChannelSettings::new(Channel::Sms, "+15005550006".into());
    let text = serde_json::to_string(&channel).unwrap();
    assert_eq!(serde_json::from_str::<ChannelSettings>(&text).unwrap(), channel);
}
