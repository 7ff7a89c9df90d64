//! Writing a mail (RFC 5322, 2045 to 2047, 2369, 8058).
//!
//! SES replaces `Date` and `Message-ID`, and takes no UTF-8 in headers: names and subjects are encoded words, domains are already punycode.

use std::borrow::Cow;

use domain::MessageId;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::url::URL;

use super::mailbox::Mailbox;

/// A mail to one recipient.
pub(super) struct Mail<'a> {
    pub(super) message_id: MessageId,
    pub(super) from: &'a Mailbox,
    pub(super) reply_to: Option<&'a Mailbox>,
    pub(super) to: &'a str,
    pub(super) subject: &'a str,
    pub(super) text: &'a str,
    pub(super) html: Option<&'a str>,
    pub(super) unsubscribe_url: Option<&'a str>,
}

/// Why a mail cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unwritable {
    /// The recipient's address has characters that no header can hold.
    Recipient,
    /// The unsubscribe link is no link.
    UnsubscribeUrl,
}

/// The mail as bytes, its lines ending in CRLF.
///
/// # Errors
/// If a value that comes from outside could change the mail's headers.
pub(super) fn write(mail: &Mail<'_>) -> Result<Vec<u8>, Unwritable> {
    if !is_plain(mail.to) {
        return Err(Unwritable::Recipient);
    }
    let host = mail.from.address().as_str().rsplit_once('@').map_or("localhost", |(_, host)| host);
    let mut builder = MessageBuilder::new()
        .from(address(mail.from))
        .to(mail.to)
        .subject(one_line(mail.subject))
        .message_id(format!("{}@{host}", mail.message_id));
    if let Some(reply_to) = mail.reply_to {
        builder = builder.reply_to(address(reply_to));
    }
    if let Some(url) = mail.unsubscribe_url {
        if !is_link(url) {
            return Err(Unwritable::UnsubscribeUrl);
        }
        builder = builder
            .header("List-Unsubscribe", URL::new(url))
            .header("List-Unsubscribe-Post", Raw::new("List-Unsubscribe=One-Click"));
    }
    builder = builder.text_body(crlf(mail.text));
    if let Some(html) = mail.html {
        builder = builder.html_body(crlf(html));
    }
    let mut bytes = Vec::new();
    builder.serialize(&mut bytes);
    Ok(bytes)
}

fn address(mailbox: &Mailbox) -> Address<'_> {
    Address::new_address(mailbox.name().map(one_line), mailbox.address().as_str())
}

/// A header's value, whatever it was before: what would break the line, or turn around how the rest of it reads, becomes a space. What looks like an
/// encoded word (RFC 2047) gets a space at its end, for which mail-builder encodes it once more: it reads as it was typed.
fn one_line(text: &str) -> Cow<'_, str> {
    let mut line = Cow::Borrowed(text);
    if text.contains(breaks_or_turns) {
        line = Cow::Owned(text.replace(breaks_or_turns, " "));
    }
    if line.contains("=?") && !line.ends_with(' ') {
        line.to_mut().push(' ');
    }
    line
}

fn breaks_or_turns(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with the line ends of RFC 2046, which hold inside base64 too.
fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

/// Whether `text` can stand in a header between angle brackets and cannot end them.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
}

/// RFC 8058 wants HTTPS; the local stack has only HTTP.
fn is_link(url: &str) -> bool {
    is_plain(url) && (url.starts_with("https://") || url.starts_with("http://"))
}

#[cfg(test)]
mod tests {
    use mail_parser::{HeaderValue, Message, MessageParser};
    use proptest::prelude::*;

    use super::*;

    /// The headers of a mail with all that a mail can have.
    const HEADERS: [&str; 9] = [
        "From",
        "To",
        "Subject",
        "Message-ID",
        "Reply-To",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "MIME-Version",
        "Content-Type",
    ];

    fn mail<'a>(from: &'a Mailbox, subject: &'a str, text: &'a str, html: Option<&'a str>) -> Mail<'a> {
        Mail {
            message_id: "msg_01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0".parse().unwrap(),
            from,
            reply_to: Some(from),
            to: "ana@example.org",
            subject,
            text,
            html,
            unsubscribe_url: Some("https://tidings.test/unsubscribe/AQ"),
        }
    }

    /// The mail as it is read, with nothing in its head but what we put there.
    fn held(bytes: &[u8]) -> Message<'_> {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        assert!(bytes[..head].is_ascii(), "SES takes no UTF-8 in headers");
        let read = MessageParser::new().parse(bytes).expect("a mail");
        let names: Vec<&str> = read.headers().iter().map(mail_parser::Header::name).collect();
        for name in HEADERS {
            assert_eq!(
                names.iter().filter(|given| given.eq_ignore_ascii_case(name)).count(),
                1,
                "{name} in {names:?}"
            );
        }
        let stray = names.iter().find(|name| {
            !HEADERS.iter().any(|ours| ours.eq_ignore_ascii_case(name))
                && !name.eq_ignore_ascii_case("Date")
                && !name.eq_ignore_ascii_case("Content-Transfer-Encoding")
        });
        assert_eq!(stray, None, "{}", String::from_utf8_lossy(&bytes[..head]));
        read
    }

    fn one_space(text: &str) -> String {
        one_line(text).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Text with what breaks lines, encoded words, addresses and parts.
    fn hostile() -> impl Strategy<Value = String> {
        let odd = prop::sample::select(vec![
            "\r\n",
            "\n",
            "\r",
            "\r\n\r\n",
            "\0",
            "\t",
            "\r\nBcc: x@example.org",
            "\nContent-Type: text/html",
            "\u{2028}",
            "\u{85}",
            "\u{202e}",
            "\u{200b}",
            "=?utf-8?Q?=0D=0ABcc:_x?=",
            "=?utf-8?B?DQo=?=",
            "?=",
            "\"",
            "<",
            ">",
            "@",
            ",",
            ";",
            ":",
            "\\",
            "(",
            ")",
            "--",
            "\u{1f600}",
            "e\u{301}",
            "ß",
            " ",
        ]);
        prop::collection::vec(prop_oneof![odd.prop_map(str::to_owned), any::<String>()], 0..8)
            .prop_map(|parts| parts.concat())
    }

    #[test]
    fn a_subject_that_looks_encoded_reads_as_it_was_typed() {
        let from: Mailbox = "=?utf-8?B?eA==?= <office@stmark.example.org>".parse().unwrap();
        let subject = "=?utf-8?Q?=0D=0ABcc:_x?=";
        let bytes = write(&mail(&from, subject, "T", None)).unwrap();
        let read = held(&bytes);
        assert_eq!(read.subject().map(str::trim_end), Some(subject));
        let name = read.from().and_then(mail_parser::Address::first).and_then(mail_parser::Addr::name);
        assert_eq!(name.map(str::trim_end), from.name());
    }

    proptest! {
        #[test]
        fn nothing_that_anybody_types_becomes_a_header(
            name in hostile(), subject in hostile(), text in hostile(), html in prop::option::of(hostile()),
        ) {
            let kept: String = name.chars().filter(|c| !c.is_control()).collect();
            let from = format!("{} <office@stmark.example.org>", kept.replace(['<', '>'], ""));
            let from: Mailbox = from.parse().or_else(|_| "office@stmark.example.org".parse()).unwrap();
            let bytes = write(&mail(&from, &subject, &text, html.as_deref())).expect("it is written");
            let read = held(&bytes);
            prop_assert_eq!(one_space(read.subject().unwrap_or_default()), one_space(&subject));
            for header in [read.from(), read.reply_to()] {
                let address = header.and_then(mail_parser::Address::first).expect("an address");
                prop_assert_eq!(address.address(), Some("office@stmark.example.org"));
                prop_assert_eq!(one_space(address.name().unwrap_or_default()), one_space(from.name().unwrap_or_default()));
            }
            let to = read.to().expect("a recipient");
            prop_assert_eq!(to.iter().count(), 1);
            prop_assert_eq!(to.first().and_then(|to| to.address()), Some("ana@example.org"));
            prop_assert_eq!(read.text_body_count(), 1);
            prop_assert!(!matches!(read.header("Bcc"), Some(value) if *value != HeaderValue::Empty));
        }

        #[test]
        fn an_address_or_a_link_that_could_end_its_header_is_not_written(odd in "[ \\r\\n\\t<>\\x00é]", before in "[a-z]{0,5}", after in "[a-z]{0,5}") {
            let from: Mailbox = "office@stmark.example.org".parse().unwrap();
            let to = format!("{before}{odd}{after}@example.org");
            prop_assert_eq!(write(&Mail { to: &to, ..mail(&from, "S", "T", None) }), Err(Unwritable::Recipient));
            let url = format!("https://tidings.test/{before}{odd}{after}");
            let mail = Mail { unsubscribe_url: Some(&url), ..mail(&from, "S", "T", None) };
            prop_assert_eq!(write(&mail), Err(Unwritable::UnsubscribeUrl));
        }
    }
}
