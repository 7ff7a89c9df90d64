use serde_json::{Value, json};

use super::{Body, Text, read};
use crate::api::problem::Problem;

fn codes(problem: &Problem) -> Vec<(&str, &str)> {
    problem.errors.iter().map(|error| (error.field.as_str(), error.code.as_str())).collect()
}

fn line(value: &str) -> Result<String, Problem> {
    read(&json!({ "t": value }), |f| f.required("t").text(Text::line(10)))
}

#[test]
fn all_errors_are_reported_at_once_with_their_places() {
    let body = json!({
        "messages": [{"channel": "sms", "body": 4}, {"channel": "fax", "body": "x", "extra": 1}],
        "at": "tomorrow", "size": 1.5, "nothing": null,
    });
    let problem = read(&body, |f| {
        let messages = f.required("messages").array(1..=3, |message| {
            message.object(|m| {
                let channel = m.required("channel").choice(&[("sms", 1), ("email", 2)]);
                let text = m.required("body").text(Text::block(5));
                Some((channel?, text?))
            })
        });
        let at = f.optional("at").time();
        let size = f.optional("size").integer(1..=5_u32);
        let nothing = f.required("nothing").bool();
        Some((messages?, at, size, nothing?))
    })
    .unwrap_err();
    assert_eq!(
        codes(&problem),
        [
            ("messages[0].body", "type"),
            ("messages[1].channel", "choice"),
            ("messages[1].extra", "unknown"),
            ("at", "time"),
            ("size", "type"),
            ("nothing", "required"),
        ]
    );
    assert_eq!(problem.status, 422);
    assert!(problem.errors[1].message.contains("sms, email"));
    assert!(problem.errors[2].message.contains("body, channel"), "says what is allowed");
}

#[test]
fn a_body_that_is_no_object_is_refused_as_a_whole() {
    for body in [json!([]), json!("x"), json!(1), Value::Null] {
        let problem = read(&body, |_| Some(())).unwrap_err();
        assert_eq!(codes(&problem), [("(body)", "type")], "{body}");
    }
}

#[test]
fn length_is_counted_in_characters_not_bytes() {
    assert!(line("ééééééééé😀").is_ok());
    assert_eq!(codes(&line("ééééééééé😀!").unwrap_err()), [("t", "too_long")]);
    assert_eq!(codes(&line("").unwrap_err()), [("t", "too_short")]);
}

#[test]
fn a_line_holds_nothing_that_breaks_or_turns_it() {
    for bad in ["a\r\nBcc:", "a\nb", "a\u{0}", "a\u{202e}b", "a\u{2066}b", "a\u{2028}b", "a\u{85}b", "\u{7f}"]
    {
        assert_eq!(codes(&line(bad).unwrap_err()), [("t", "character")], "{bad:?}");
    }
    assert!(line("שלום\u{200f}!").is_ok(), "marks of direction are part of writing from right to left");
}

#[test]
fn a_block_holds_line_breaks_but_no_other_controls() {
    let block =
        |text: &str| read(&json!({ "t": text }), |f| f.required("t").text(Text::block(9).max_bytes(12)));
    assert!(block("a\r\n\tb").is_ok());
    assert_eq!(codes(&block("a\u{0}").unwrap_err()), [("t", "character")]);
    assert_eq!(codes(&block("ééééééé").unwrap_err()), [("t", "too_long")]);
}

#[test]
fn integers_outside_their_range_say_the_range() {
    for bad in [json!(0), json!(-1), json!(6), json!(u64::MAX)] {
        let problem = read(&json!({ "n": bad }), |f| f.required("n").integer(1..=5_u32)).unwrap_err();
        assert_eq!(problem.errors[0].message, "must be between 1 and 5");
    }
    assert_eq!(read(&json!({"n": 5}), |f| f.required("n").integer(1..=5_u8)).unwrap(), 5);
}

#[test]
fn arrays_are_limited_and_hold_no_null() {
    let ids = |value: Value| {
        read(&json!({ "ids": value }), |f| f.required("ids").array(1..=2, |id| id.id::<domain::MemberId>()))
    };
    assert_eq!(ids(json!(["a", "b"])).unwrap().len(), 2);
    assert_eq!(codes(&ids(json!([])).unwrap_err()), [("ids", "too_few")]);
    assert_eq!(codes(&ids(json!(["a", "b", "c"])).unwrap_err()), [("ids", "too_many")]);
    assert_eq!(codes(&ids(json!(["a#b", null])).unwrap_err()), [("ids[0]", "id"), ("ids[1]", "required")]);
}

#[test]
fn a_map_reports_its_names_and_its_values() {
    let map = |value: Value| {
        read(&json!({ "m": value }), |f| {
            f.required("m").map(3, Text::line(3), |name| {
                if name == "bad" { Err("must be another name".into()) } else { Ok(()) }
            })
        })
    };
    assert_eq!(map(json!({"a": "1", "b": null})).unwrap().len(), 1);
    assert_eq!(
        codes(&map(json!({"bad": "1", "c": 5, "d": "long"})).unwrap_err()),
        [("m.bad", "name"), ("m.c", "type"), ("m.d", "too_long")]
    );
    assert_eq!(codes(&map(json!({"a": "", "b": "", "c": "", "d": ""})).unwrap_err()), [("m", "too_many")]);
}

#[test]
fn an_answer_lists_at_most_a_thousand_errors_and_says_how_many_there_are() {
    let body = json!({ "ids": vec!["#"; 2_500] });
    let problem =
        read(&body, |f| f.required("ids").array(1..=5_000, |id| id.id::<domain::MemberId>())).unwrap_err();
    assert_eq!(problem.errors.len(), 1_000);
    assert!(problem.detail.starts_with("2500 fields"), "{}", problem.detail);
}

#[test]
fn a_long_unknown_name_is_cut_and_its_odd_characters_are_written_out() {
    let problem = read(&json!({ format!("\n{}", "x".repeat(500)): 1 }), |_| Some(())).unwrap_err();
    assert_eq!(problem.errors[0].field, format!("\\n{}", "x".repeat(63)));
}

#[test]
fn only_json_in_utf8_is_taken_for_json() {
    for good in [
        None,
        Some("application/json"),
        Some("Application/JSON; charset=UTF-8"),
        Some("application/json;charset=\"utf-8\""),
    ] {
        assert!(Body::parse(b"{}", good).is_ok(), "{good:?}");
    }
    for bad in [
        "text/plain",
        "application/json; charset=utf-16",
        "application/x-www-form-urlencoded",
        "application/jsonx",
    ] {
        assert_eq!(Body::parse(b"{}", Some(bad)).unwrap_err().status, 415, "{bad}");
    }
}

#[test]
fn bad_json_is_located() {
    let problem = Body::parse(b"{\n  \"a\": }", None).unwrap_err();
    assert_eq!(
        (problem.status, problem.more["line"].as_u64(), problem.more["column"].as_u64()),
        (400, Some(2), Some(8))
    );
    for bad in
        [&b""[..], b"  ", b"{\"a\":1", b"\xff\xfe", b"{\"a\":\"\\ud800\"}", "[".repeat(5_000).as_bytes()]
    {
        assert_eq!(Body::parse(bad, None).unwrap_err().status, 400);
    }
    assert!(Body::parse("\u{feff}{}".as_bytes(), None).is_ok());
}

#[test]
fn a_body_over_four_mebibytes_is_too_large() {
    let bytes = vec![b' '; super::MAX_BODY + 1];
    assert_eq!(Body::parse(&bytes, None).unwrap_err().status, 413);
}

#[test]
fn a_request_with_nothing_to_say_may_have_no_body_but_no_fields() {
    assert!(Body::parse_nothing(b"", None).is_ok());
    assert!(Body::parse_nothing(b"{}", Some("application/json")).is_ok());
    assert_eq!(codes(&Body::parse_nothing(b"{\"x\":1}", None).unwrap_err()), [("x", "unknown")]);
}

#[test]
fn a_field_that_is_given_twice_is_refused_with_its_place() {
    for bad in [r#"{"a": 1, "a": 1}"#, r#"{"a": [{"b": {}, "b": {}}]}"#, "{\"a\": 1,\n\"\\u0061\": 2}"] {
        let problem = Body::parse(bad.as_bytes(), None).unwrap_err();
        assert_eq!((problem.status, problem.kind.as_str()), (400, "/problems/bad-json"), "{bad}");
        assert!(problem.detail.contains("given twice at line"), "{}", problem.detail);
    }
    let good = r#"{"a": {"b": [1, -1, 1.5, "x", null, true]}, "b": {"a": {}}}"#;
    assert_eq!(Body::parse(good.as_bytes(), None).unwrap(), serde_json::from_str::<Value>(good).unwrap());
    assert_eq!(Body::parse(b"1e400", None).unwrap_err().status, 400);
}
