use proptest::prelude::*;
use serde_json::Value;

use super::*;

const VECTORS: &str = include_str!("../../../../tests/fixtures/vectors/phone_e164.json");

fn number(text: &str) -> Result<String, PhoneProblem> {
    parse_phone(text, None).map(String::from)
}

/// What the vectors (Google's rules) become under ours: no extensions, and only numbers that exist.
fn expectation(case: &Value) -> Result<&str, Option<PhoneProblem>> {
    if !case["ext"].is_null() {
        return Err(Some(PhoneProblem::Extension));
    }
    if case["valid"] == true { Ok(case["e164"].as_str().unwrap()) } else { Err(None) }
}

#[test]
fn every_vector_of_the_reference_library_is_met() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() > 70, "the vectors are there");
    for case in cases {
        let (input, region) = (case["input"].as_str().unwrap(), case["region"].as_str());
        let got = parse_phone(input, region);
        match expectation(case) {
            Ok(expected) => {
                assert_eq!(got.as_ref().map(E164::as_str), Ok(expected), "{input:?} in {region:?}");
            }
            Err(Some(problem)) => assert_eq!(got, Err(problem), "{input:?} in {region:?}"),
            Err(None) => assert!(got.is_err(), "{input:?} in {region:?} gave a number"),
        }
    }
}

#[test]
fn a_default_country_never_changes_an_international_number() {
    let numbers = ["+491711234567", "+5511987654321", "+390669812345", "+447911123456"];
    for text in numbers {
        for country in [None, Some("US"), Some("GB"), Some("BR"), Some("IT")] {
            assert_eq!(parse_phone(text, country).unwrap().as_str(), text, "{text} in {country:?}");
        }
    }
}

#[test]
fn a_country_is_taken_in_either_case_and_an_unknown_one_counts_as_none() {
    assert_eq!(parse_phone("(415) 555-2671", Some("us")).unwrap().as_str(), "+14155552671");
    for country in [None, Some(""), Some("001"), Some("ZZ"), Some("USA"), Some("é")] {
        assert_eq!(parse_phone("(415) 555-2671", country), Err(PhoneProblem::CountryNeeded), "{country:?}");
        assert_eq!(parse_phone("+1 (415) 555-2671", country).unwrap().as_str(), "+14155552671");
    }
}

#[test]
fn extensions_are_refused_however_they_are_written() {
    for text in [
        "+1 415 555 2671 ext. 5",
        "+1 415 555 2671 x5",
        "+1 415 555 2671 #5",
        "tel:+1-415-555-2671;ext=5",
        "+7 912 345-67-89 доб. 5",
    ] {
        assert_eq!(number(text), Err(PhoneProblem::Extension), "{text}");
    }
}

#[test]
fn letters_are_refused_where_the_library_would_dial_them() {
    assert_eq!(parse_phone("1-800-FLOWERS", Some("US")), Err(PhoneProblem::Letters));
    assert_eq!(number("+1 415 555 2671 m"), Err(PhoneProblem::Letters));
    assert_eq!(number("cell: +1 415 555 2671"), Err(PhoneProblem::Letters));
}

#[test]
fn the_problem_names_what_is_wrong() {
    assert_eq!(number(" \t"), Err(PhoneProblem::Empty));
    assert_eq!(number("+"), Err(PhoneProblem::NotANumber));
    assert_eq!(number("415-555-2671"), Err(PhoneProblem::CountryNeeded));
    assert_eq!(number("+1415555267"), Err(PhoneProblem::Invalid));
    assert_eq!(number("+999 123 4567"), Err(PhoneProblem::Invalid));
    assert_eq!(number(&"1".repeat(10_000)), Err(PhoneProblem::NotANumber));
}

#[test]
fn the_leading_zero_of_an_italian_number_stays() {
    assert_eq!(parse_phone("06 698 1234", Some("IT")).unwrap().as_str(), "+39066981234");
}

#[test]
fn mexicos_old_mobile_prefix_is_refused_when_typed_and_dropped_from_a_whatsapp_id() {
    assert_eq!(number("+521 55 1234 5678"), Err(PhoneProblem::Invalid));
    assert_eq!(E164::from_wa_id("5215512345678").unwrap().as_str(), "+525512345678");
    assert_eq!(E164::from_wa_id("525512345678").unwrap().as_str(), "+525512345678");
}

#[test]
fn a_brazilian_whatsapp_id_without_the_ninth_digit_gets_it_and_a_landline_does_not() {
    assert_eq!(E164::from_wa_id("551187654321").unwrap().as_str(), "+5511987654321");
    assert_eq!(E164::from_wa_id("5511987654321").unwrap().as_str(), "+5511987654321");
    assert_eq!(E164::from_wa_id("551138765432").unwrap().as_str(), "+551138765432");
}

#[test]
fn a_whatsapp_id_is_digits_only() {
    for text in ["", "+14155552671", "1415 5552671", "US.1234567890", "0123456789", "1234567890123456"] {
        assert_eq!(E164::from_wa_id(text), Err(PhoneProblem::NotANumber), "{text}");
    }
    assert_eq!(E164::from_wa_id("14155552671").unwrap().digits(), "14155552671");
}

#[test]
fn the_stored_form_is_read_back_and_any_other_is_refused() {
    let stored: E164 = serde_json::from_str("\"+14155552671\"").unwrap();
    assert_eq!(serde_json::to_string(&stored).unwrap(), "\"+14155552671\"");
    for text in ["14155552671", "+0123456789", "+1 415 555 2671", "+", "+123456", "+٤٤٧٩١١١٢٣٤٥٦"]
    {
        let error = serde_json::from_value::<E164>(Value::from(text)).unwrap_err().to_string();
        assert!(!error.contains(text) || text == "+", "{error}");
    }
}

#[test]
fn nothing_of_the_number_shows_in_debug_output() {
    assert_eq!(format!("{:?}", parse_phone("+14155552671", None).unwrap()), "E164(..)");
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*", country in "[A-Za-z]{2}") {
        let _checked = parse_phone(&text, Some(&country));
        let _checked = parse_phone(&text, None);
    }

    #[test]
    fn an_accepted_number_is_accepted_again_unchanged(
        text in "\\+?[ ()0-9./-]{6,20}",
        country in prop::sample::select(vec!["US", "GB", "DE", "IT", "MX", "AR", "BR", "IN"]),
    ) {
        if let Ok(once) = parse_phone(&text, Some(country)) {
            prop_assert_eq!(parse_phone(once.as_str(), None), Ok(once.clone()));
            prop_assert_eq!(once.as_str().parse::<E164>(), Ok(once));
        }
    }
}
