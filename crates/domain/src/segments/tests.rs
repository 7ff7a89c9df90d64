use proptest::prelude::*;
use serde_json::Value;

use super::*;

const TWILIO: &str = include_str!("../../../../tests/fixtures/vectors/sms_segments.json");
const BOUNDARIES: &str = include_str!("../../../../tests/fixtures/vectors/sms_segment_boundaries.json");

fn hold_to(vectors: &str, at_least: usize) {
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() >= at_least, "the vectors are there");
    for case in cases {
        let counted = count(case["text"].as_str().unwrap());
        let bits = if counted.encoding == Encoding::Gsm7 { 7 } else { 16 };
        assert_eq!(serde_json::to_value(counted.encoding).unwrap(), case["encoding"], "{}", case["name"]);
        assert_eq!(case["segments"], counted.segments, "{}", case["name"]);
        assert_eq!(case["message_bits"], counted.units * bits, "{}", case["name"]);
    }
}

#[test]
fn every_vector_of_twilios_calculator_is_met() {
    hold_to(TWILIO, 16);
}

#[test]
fn segments_end_between_characters_where_twilios_calculator_ends_them() {
    hold_to(BOUNDARIES, 38);
}

#[test]
fn the_alphabet_has_127_characters_and_its_extension_ten() {
    assert_eq!(GSM_BASIC.chars().count(), 127);
    assert_eq!(GSM_EXTENSION.chars().count(), 10);
    assert!(GSM_BASIC.chars().all(|character| gsm_units(character) == Some(1)));
    assert!(GSM_EXTENSION.chars().all(|character| gsm_units(character) == Some(2)));
}

#[test]
fn a_letter_under_a_heap_of_combining_marks_is_cut_rather_than_counted_as_one_segment() {
    let heap = format!("e{}", "\u{301}".repeat(670));
    assert_eq!(count(&heap), Segments { encoding: Encoding::Ucs2, segments: 11, units: 671 });
}

proptest! {
    #[test]
    fn segments_hold_all_units_and_more_text_never_takes_fewer(text in "\\PC{0,400}", more in "\\PC{0,20}") {
        let counted = count(&text);
        let room = if counted.segments == 1 {
            counted.encoding.single_segment()
        } else {
            counted.encoding.joined_segment() * counted.segments
        };
        prop_assert!(counted.segments >= 1 && counted.units <= room);
        let longer = count(&format!("{text}\n{more}"));
        prop_assert!(longer.segments >= counted.segments);
    }

    #[test]
    fn plain_letters_take_the_arithmetic_number_of_segments(length in 0_u32..2000) {
        let expected = if length <= 160 { 1 } else { length.div_ceil(153) };
        let counted = count(&"a".repeat(length as usize));
        prop_assert_eq!(counted, Segments { encoding: Encoding::Gsm7, segments: expected, units: length });
    }
}
