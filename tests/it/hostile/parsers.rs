//! Every parser of bytes from outside, on bytes of all kinds and on samples with something changed. `fuzz/` looks further, with the same properties.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use tests::parsers::{ALL, property};

/// Bytes with which parsers are known to stumble.
const ODD: &[&[u8]] = &[
    b"\0",
    b"\r\n",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"{{",
    b"}}",
    b"[[[[[[[[",
    b"{\"a\":",
    b"1e400",
    b"-0",
    b"99999999999999999999",
    b"null",
    b"true",
    b"&",
    b"=",
    b"%",
    b"%00",
    b"%ff",
    b"+",
    b",",
    b"\n",
    b"@",
    b"<",
    b">",
    b"9999-12-31T23:59:60Z",
    b"AAAA",
    b"-----BEGIN CERTIFICATE-----",
];

#[derive(Debug, Clone)]
enum Change {
    Put(Index, Vec<u8>),
    Cut(Index, usize),
    Flip(Index, u8),
    Repeat(Index, usize, usize),
    End(Index),
    Splice(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let odd = select(ODD.to_vec()).prop_map(<[u8]>::to_vec);
    prop_oneof![
        4 => (any::<Index>(), odd).prop_map(|(at, bytes)| Change::Put(at, bytes)),
        1 => (any::<Index>(), prop::collection::vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Change::Put(at, bytes)),
        2 => (any::<Index>(), 1..20_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        2 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        1 => (any::<Index>(), 1..20_usize, 1..200_usize).prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        1 => any::<Index>().prop_map(Change::End),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(sample, at)| Change::Splice(sample, at)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change, samples: &[Vec<u8>]) {
    let place = |index: &Index| index.index(bytes.len() + 1);
    match change {
        Change::Put(at, more) => drop(bytes.splice(place(at)..place(at), more.iter().copied())),
        Change::Cut(at, length) => {
            let at = place(at);
            bytes.drain(at..bytes.len().min(at + length));
        }
        Change::Flip(at, bit) => {
            let at = place(at);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        Change::Repeat(at, length, times) => {
            let at = place(at);
            let part = bytes[at..bytes.len().min(at + length)].repeat(*times);
            bytes.splice(at..at, part);
        }
        Change::End(at) => bytes.truncate(place(at)),
        Change::Splice(sample, at) => {
            let (at, other) = (place(at), sample.get(samples));
            let rest = other[at.min(other.len())..].to_vec();
            bytes.truncate(at);
            bytes.extend(rest);
        }
    }
}

/// A sample with something changed, or anything.
fn bytes(samples: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changed = (select(samples.clone()), prop::collection::vec(change(), 0..6)).prop_map(
        move |(mut bytes, changes)| {
            for change in &changes {
                apply(&mut bytes, change, &samples);
            }
            bytes
        },
    );
    prop_oneof![
        8 => changed,
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => any::<String>().prop_map(String::into_bytes),
    ]
}

fn holds(name: &str) {
    let property = property(name);
    let samples = property.samples();
    assert!(!samples.is_empty(), "{name} has samples");
    for sample in &samples {
        (property.holds)(sample);
    }
    let config = ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(bytes in bytes(samples))| (property.holds)(&bytes));
}

macro_rules! every {
    ($($test:ident: $name:ident,)*) => {
        const TESTED: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $test() {
            holds(stringify!($name));
        })*
    };
}

every! {
    a_body_of_the_api_is_read_or_refused_field_by_field: api_bodies,
    an_import_is_read_or_refused_row_by_row: imports,
    a_form_of_twilios_is_read_or_refused_and_never_taken_for_signed: twilio_webhooks,
    a_call_of_metas_is_read_or_refused_and_never_taken_for_signed: whatsapp_webhooks,
    an_envelope_of_sns_is_read_or_refused_and_never_taken_for_signed: sns_envelopes,
    an_event_of_ses_is_read_or_refused: ses_events,
    a_token_that_was_not_made_here_opens_nothing: tokens,
    a_body_of_a_queue_is_read_as_it_was_written_or_refused: queue_bodies,
    an_event_of_lambdas_becomes_a_request_or_is_refused: lambda_events,
    a_text_with_variables_is_written_within_its_limit_or_refused_with_its_place: variables,
    an_address_has_one_spelling_or_is_refused: addresses,
}

#[test]
fn every_property_is_tested_here_and_has_a_fuzz_target() {
    let names: Vec<&str> = ALL.iter().map(|property| property.name).collect();
    assert_eq!(names, TESTED);
    let targets = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut targets: Vec<String> = std::fs::read_dir(targets)
        .expect("the targets are there")
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    targets.sort_unstable();
    let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    names.sort_unstable();
    assert_eq!(targets, names);
}
