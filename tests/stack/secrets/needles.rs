//! Looking for what must not be found: a text in every form in which it may have been written down.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Something that must not be found, in all its forms.
pub(super) struct Needle {
    what: String,
    forms: BTreeSet<String>,
}

impl Needle {
    /// `what` names it in a failure, which must not show it.
    pub(super) fn new(what: &str, text: &str) -> Self {
        let mut forms = BTreeSet::from([
            text.to_owned(),
            text.replace(' ', "+"),
            text.trim_start_matches('+').to_owned(),
        ]);
        forms.insert(escaped(text, |byte| byte == b' ').replace("%20", "+"));
        forms.insert(escaped(text, |_| false));
        forms.insert(serde_json::to_string(text).unwrap_or_default().trim_matches('"').to_owned());
        forms.insert(text.chars().map(json_escape).collect());
        forms.insert(html(text));
        forms.insert(hex::encode(text));
        forms.insert(format!("{text:?}").trim_matches('"').to_owned());
        forms.insert(bytes(text));
        forms.extend(in_base64(text));
        let forms = forms.into_iter().filter(|form| form.chars().count() > 5).map(|form| form.to_lowercase());
        Self { what: what.to_owned(), forms: forms.collect() }
    }

    /// The same for a phone number in E.164: its digits alone give it away, with and without the calling code.
    pub(super) fn phone(what: &str, number: &str) -> Self {
        let mut needle = Self::new(what, number);
        needle.forms.insert(number.trim_start_matches('+').to_owned());
        needle.forms.insert(number.trim_start_matches("+64").to_owned());
        needle
    }

    /// Where it is in `text`, which is in lower case: what stands before it, or `None`.
    pub(super) fn find(&self, text: &str) -> Option<String> {
        let at = self.forms.iter().find_map(|form| text.find(form.as_str()))?;
        let before: Vec<char> = text[..at].chars().rev().take_while(|c| *c != '\n').take(160).collect();
        Some(format!("{} after {:?}", self.what, before.into_iter().rev().collect::<String>()))
    }
}

/// Percent-encoded, but for the unreserved characters of RFC 3986 and what `keep` keeps.
fn escaped(text: &str, keep: impl Fn(u8) -> bool) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() || keep(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    text.bytes().map(escape).collect::<Vec<_>>().concat()
}

/// As the writers of JSON do it that keep to ASCII.
fn json_escape(c: char) -> String {
    if c.is_ascii() {
        return c.to_string();
    }
    c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat()
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// As `Debug` shows bytes.
fn bytes(text: &str) -> String {
    text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ")
}

/// What base64 makes of the text wherever it begins in the bytes around it: without the characters at both ends, which hold bits of those.
fn in_base64(text: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let padded = [vec![b'x'; before], text.as_bytes().to_vec()].concat();
        for engine in [&STANDARD, &URL_SAFE] {
            let whole = engine.encode(&padded);
            let whole = whole.trim_end_matches('=');
            let end = if padded.len() % 3 == 0 { whole.len() } else { whole.len() - 1 };
            let start = [0, 2, 3][before];
            forms.push(whole[start..end.max(start)].to_owned());
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_every_form_in_which_it_may_be_written() {
        let address = "Zé+1@parish.example.org";
        let needle = Needle::new("an address", address);
        for text in [
            format!("to {address}!"),
            format!("{{\"a\":\"{}\"}}", "Z\\u00e9+1@parish.example.org"),
            "To=Z%C3%A9%2B1%40parish.example.org&x".to_owned(),
            STANDARD.encode(format!("a{address}b")),
            STANDARD.encode(format!("ab{address}")),
            URL_SAFE.encode(format!("abc{address}bcd")),
            format!("{:?}", format!("x {address}").as_bytes()),
            hex::encode(address),
        ] {
            assert!(needle.find(&text.to_lowercase()).is_some(), "{text}");
        }
        assert_eq!(needle.find("parish.example.org"), None);
        let number = Needle::phone("a number", "+64215550100");
        for text in ["64215550100", "tel:+64215550100", "215550100", "%2B64215550100"] {
            assert!(number.find(&text.to_lowercase()).is_some(), "{text}");
        }
    }
}
