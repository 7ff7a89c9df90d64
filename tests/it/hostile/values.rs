//! What hostile callers write: as bytes, as JSON and as texts.

/// JSON values, as they are written; some are none.
pub(super) fn json() -> Vec<String> {
    let mut all: Vec<String> = [
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "1e400",
        "-1e400",
        "1e-400",
        "99999999999999999999",
        "-9223372036854775809",
        "[]",
        "{}",
        "[null]",
        r#"[""]"#,
        r#"{"":""}"#,
        r#"{"__proto__":{"a":1}}"#,
        r#"{"a":1,"a":2}"#,
        r#""""#,
        r#"" ""#,
        r#""\u0000""#,
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#""\ufffe\uffff""#,
        r#""a\r\nBcc: x@example.com""#,
        r#""a\u2028b\u2029c""#,
        r#""\u202etxt.exe""#,
        r#""\u200b\u200d\ufeff""#,
        r#""e\u0301""#,
        r#""\ud83d\udc69\u200d\ud83d\udc67""#,
        r#""{{member.first_names}}""#,
        r#""{{""#,
        r#""{{member.fields.__proto__}}""#,
        r#""{{org.name | default(\"{{org.name}}\")}}""#,
        r#""../../etc/passwd""#,
        r#""a#b""#,
        r#""'; DROP TABLE members; --""#,
        r#""<script>alert(1)</script>""#,
        r#""=1+1""#,
        r#""+64""#,
        r#""9999-12-31T23:59:60Z""#,
        r#""0000-01-01T00:00:00Z""#,
        r#""-9999-01-01T00:00:00Z""#,
        r#""2026-12-01T09:00:00+99:99""#,
        r#""+262143-12-31T23:59:59Z""#,
        "NaN",
        "Infinity",
        "0x10",
        "'a'",
        "\u{feff}1",
    ]
    .map(str::to_owned)
    .into();
    all.push(format!("\"{}\"", "x".repeat(5_000)));
    all.push(format!("\"{}\"", "\u{1f600}".repeat(2_000)));
    all.push(format!("\"{}\"", "{{member.first_names}}".repeat(60)));
    all.push(nested(100));
    all.push(nested(5_000));
    all.push("9".repeat(400));
    all.push(format!("[{}1]", "1,".repeat(1_000)));
    all
}

/// Arrays in arrays.
pub(super) fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

/// Whole bodies.
pub(super) fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("nothing", text("")),
        ("white space", text(" \r\n\t")),
        ("half an object", text("{")),
        ("an object too much", text("{}{}")),
        ("a comma too much", text("{\"type\":\"send_message\",}")),
        ("null", text("null")),
        ("an array", text("[]")),
        ("a text", text("\"x\"")),
        ("a number out of range", text("1e400")),
        ("a byte order mark", text("\u{feff}{}")),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec()),
        ("UTF-7", text("+AHsAfQ-")),
        ("a NUL", b"{\"id\":\"a\0b\"}".to_vec()),
        ("an overlong slash", b"{\"id\":\"\xc0\xaf\"}".to_vec()),
        ("a surrogate in UTF-8", b"{\"id\":\"\xed\xa0\x80\"}".to_vec()),
        ("a byte that is no UTF-8", b"{\"id\":\"\xff\"}".to_vec()),
        ("a lone surrogate", text(r#"{"id":"\ud800"}"#)),
        ("the same field twice", text(r#"{"id":"a","id":"b"}"#)),
        (
            "fields that nobody asked for",
            text(r#"{"__proto__":{"admin":true},"constructor":1,"":2,"\u0000":3}"#),
        ),
        ("deep arrays", nested(100_000).into_bytes()),
        ("deep objects", ("{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000)).into_bytes()),
        ("a number of a million digits", "9".repeat(1_000_000).into_bytes()),
        ("a hundred thousand fields", fields(100_000).into_bytes()),
        ("a form", text("a=b&c=%00%ff&=&&&%")),
        ("a file", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
        ("4 MiB of white space", vec![b' '; 4 * 1024 * 1024]),
        ("4 MiB of open brackets", vec![b'['; 4 * 1024 * 1024]),
        ("a byte too much", vec![b' '; 4 * 1024 * 1024 + 1]),
        ("6 MB", vec![b'{'; 6_000_000]),
    ]
}

fn fields(count: usize) -> String {
    let all: Vec<String> = (0..count).map(|number| format!("\"f{number}\":0")).collect();
    format!("{{{}}}", all.join(","))
}

/// Texts, for paths, queries and headers.
pub(super) fn texts() -> Vec<String> {
    let mut all: Vec<String> = [
        "",
        " ",
        ".",
        "..",
        "../../etc/passwd",
        "a/b",
        "a#b",
        "a b",
        "a\0b",
        "a\r\nb",
        "%2e%2e",
        "%00",
        "\u{202e}a",
        "\u{200b}",
        "\u{feff}",
        "é",
        "\u{1f600}",
        "null",
        "undefined",
        "-1",
        "0",
        "1e400",
        "NaN",
        "*",
        "?",
        "{id}",
        "__proto__",
        "[object Object]",
        "'; DROP TABLE members; --",
        "<script>",
        "${jndi:ldap://x}",
        "{{member.first_names}}",
        "ba_",
        "msg_",
        "conv_",
        "conv_sms_",
        "ba_00000000000000000000000000",
        "ba_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "ba_8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "ba_01arz3ndektsv4rrffq69g5fav",
        "msg_7ZZZZZZZZZZZZZZZZZZZZZZZZZ-4294967295-65535",
        "msg_01ARZ3NDEKTSV4RRFFQ69G5FAV-99999999999-0",
        "msg_01ARZ3NDEKTSV4RRFFQ69G5FAV--1-0",
        "conv_sms_AAAA",
        "conv_fax_AAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "9999-12-31T23:59:59Z",
        "+262143-12-31T23:59:59Z",
        "0000-00-00T00:00:00Z",
        "18446744073709551616",
        "\u{fffd}",
    ]
    .map(str::to_owned)
    .into();
    all.push("x".repeat(65));
    all.push("x".repeat(10_000));
    all.push("\u{1f600}".repeat(2_000));
    all
}
