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
    Address::new_address(mailbox.name(), mailbox.address().as_str())
}

/// A header's value, whatever it was before: control characters become spaces.
fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        Cow::Owned(text.replace(char::is_control, " "))
    } else {
        Cow::Borrowed(text)
    }
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
