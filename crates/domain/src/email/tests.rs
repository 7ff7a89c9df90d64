use proptest::prelude::*;
use serde_json::Value;

use super::*;

const VECTORS: &str = include_str!("../../../../tests/fixtures/vectors/email_addresses.json");

fn address(text: &str) -> Result<String, EmailProblem> {
    parse_email(text).map(String::from)
}

/// Where we differ from the vectors on purpose: the reference leaves the limit of the local part to a strict mode, and
/// does not drop white space.
fn decided(input: &str) -> Option<Result<String, EmailProblem>> {
    match input {
        "a@example.com " => Some(Ok("a@example.com".to_owned())),
        _ if input.find('@') == Some(65) => Some(Err(EmailProblem::LocalPartTooLong)),
        _ => None,
    }
}

#[test]
fn every_vector_of_the_reference_library_is_met() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() >= 20, "the vectors are there");
    for case in cases {
        let input = case["input"].as_str().unwrap();
        let got = address(input);
        if let Some(expected) = decided(input) {
            assert_eq!(got, expected, "{input:?}");
        } else if case["ses_v1_sendable"] == true {
            assert_eq!(got, Ok(case["ascii_email"].as_str().unwrap().to_owned()), "{input:?}");
        } else {
            assert!(got.is_err(), "{input:?} gave an address");
        }
    }
}

#[test]
fn the_problem_names_what_is_wrong() {
    let cases = [
        (" ", EmailProblem::Empty),
        ("a.example.com", EmailProblem::NoAt),
        ("a@b.co\r\nBcc: c@d.co", EmailProblem::ControlCharacter),
        ("Joe <a@example.com>", EmailProblem::DisplayText),
        ("<a@example.com>", EmailProblem::DisplayText),
        ("ü@example.com", EmailProblem::LocalPartNotAscii),
        ("\"a b\"@x.com", EmailProblem::LocalPart),
        ("a..b@x.com", EmailProblem::LocalPart),
        ("a.@x.com", EmailProblem::LocalPart),
        ("a@b@x.com", EmailProblem::LocalPart),
        ("a@b.co, c@d.co", EmailProblem::LocalPart),
        ("a@[127.0.0.1]", EmailProblem::DomainLiteral),
        ("a@x_y.com", EmailProblem::Domain),
        ("a@example.com.", EmailProblem::Domain),
        ("a@", EmailProblem::Domain),
        ("a@localhost", EmailProblem::NoTopLevelDomain),
        ("a@127.0.0.1", EmailProblem::NoTopLevelDomain),
        ("a@example.c0m", EmailProblem::NoTopLevelDomain),
    ];
    for (text, problem) in cases {
        assert_eq!(address(text), Err(problem), "{text:?}");
    }
}

#[test]
fn lengths_are_taken_up_to_their_limits_and_no_further() {
    let label = "d".repeat(63);
    let local = "a".repeat(64);
    let longest = format!("{local}@{label}.{label}.{}.com", "d".repeat(57));
    assert_eq!(longest.len(), 254);
    assert_eq!(address(&longest).as_deref(), Ok(longest.as_str()));
    assert_eq!(
        address(&format!("{local}@{label}.{label}.{}.com", "d".repeat(58))),
        Err(EmailProblem::TooLong)
    );
    assert_eq!(address(&format!("a{local}@x.com")), Err(EmailProblem::LocalPartTooLong));
    assert_eq!(address(&format!("a@d{label}.com")), Err(EmailProblem::Domain));
}

#[test]
fn only_the_domain_is_put_in_lower_case_and_the_suppression_key_is_all_lower_case() {
    let parsed = parse_email("  Ana.Maria@EXAMPLE.Com\n").unwrap();
    assert_eq!(parsed.as_str(), "Ana.Maria@example.com");
    assert_eq!(parsed.local_part(), "Ana.Maria");
    assert_eq!(parsed.suppression_key(), "ana.maria@example.com");
}

#[test]
fn one_domain_in_unicode_and_in_punycode_has_one_suppression_key() {
    let unicode = parse_email("user@MÜNCHEN.de").unwrap();
    let punycode = parse_email("USER@xn--mnchen-3ya.de").unwrap();
    assert_eq!(unicode.suppression_key(), punycode.suppression_key());
}

#[test]
fn the_stored_form_is_checked_when_it_is_read_back() {
    let stored: EmailAddress = serde_json::from_str("\"a@b.co\"").unwrap();
    assert_eq!(serde_json::to_string(&stored).unwrap(), "\"a@b.co\"");
    let error = serde_json::from_str::<EmailAddress>("\"secret@localhost\"").unwrap_err().to_string();
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn nothing_of_the_address_shows_in_debug_output() {
    assert_eq!(format!("{:?}", parse_email("a@b.co").unwrap()), "EmailAddress(..)");
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*@?\\PC*") {
        let _checked = parse_email(&text);
    }

    #[test]
    fn an_accepted_address_is_clean_ascii_and_is_accepted_again_unchanged(
        text in "[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~ü-]{1,12}@[a-zA-Z0-9ü.-]{1,12}\\.(com|DE|jp|中国)",
    ) {
        if let Ok(once) = parse_email(&text) {
            prop_assert!(once.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(parse_email(once.as_str()), Ok(once));
        }
    }
}
