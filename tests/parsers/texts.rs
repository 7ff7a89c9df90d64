//! What people type.

use std::collections::BTreeMap;

use channels::ses::Mailbox as SendersMailbox;
use domain::email::parse_email;
use domain::opt_out::Keyword;
use domain::phone::{E164, parse_phone};
use domain::segments;
use domain::settings::Mailbox;
use domain::variables::{Escape, Most, Template, Unwritable, Variable};
use domain::{BulkActionId, ConversationId, MemberId, MessageId, Timestamp};

/// The most that a text may come to here.
const MOST: Most = Most::Bytes(64 * 1024);

/// A text with variables.
pub(super) fn variables(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let template = match Template::parse(&text) {
        Ok(template) => template,
        Err(error) => {
            assert!(text.contains("{{") && error.text.chars().count() <= 60);
            let line = text.split('\n').nth(error.line as usize - 1).expect("the line is there");
            assert!(error.column as usize <= line.chars().count() + 1);
            return;
        }
    };
    let hostile = "<a href=\"{{org.name}}\">\r\n'&\u{2028}";
    let values: BTreeMap<Variable, String> =
        template.variables().map(|variable| (variable.clone(), hostile.to_owned())).collect();
    for escape in [Escape::None, Escape::Html, Escape::Header] {
        match template.render(&values, escape, MOST) {
            Ok(rendered) => assert!(rendered.len() <= 64 * 1024),
            Err(unwritable) => assert_eq!(unwritable, Unwritable::TooLong(MOST), "all values are there"),
        }
    }
    let required = template.required().count();
    match template.render(&BTreeMap::new(), Escape::None, MOST) {
        Err(Unwritable::Missing(names)) => assert_eq!(names.len(), required),
        Err(Unwritable::TooLong(_)) | Ok(_) => assert_eq!(required, 0),
    }
    assert!(template.count() >= required);
}

/// Phones, mail addresses, mailboxes, keywords, ids and times.
pub(super) fn addresses(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for country in [None, Some("NZ"), Some("IT"), Some("AR"), Some(&*text)] {
        if let Ok(phone) = parse_phone(&text, country) {
            let digits = phone.digits();
            assert!((7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()));
            assert_eq!(phone.as_str().parse::<E164>().as_ref(), Ok(&phone), "what is stored is read");
        }
    }
    if let Ok(phone) = E164::from_wa_id(&text) {
        assert!(phone.as_str().starts_with('+') && phone.digits().len() <= 15);
    }
    if let Ok(address) = parse_email(&text) {
        mail_address(address.as_str());
    }
    if let Ok(mailbox) = text.parse::<Mailbox>() {
        mail_address(mailbox.address.as_str());
        let kept = mailbox.to_string();
        let senders: SendersMailbox = kept.parse().expect("what settings keep, the sender of mail reads");
        assert_eq!(senders.address(), &mailbox.address);
        assert!(!senders.name().unwrap_or_default().contains(char::is_control));
    }
    if let Ok(mailbox) = text.parse::<SendersMailbox>() {
        mail_address(mailbox.address().as_str());
    }
    let _keyword = Keyword::of(&text);
    let counted = segments::count(&text);
    assert!(counted.segments as usize <= text.encode_utf16().count().max(1));
    ids(&text);
}

/// An address fits into a header and a URL, and is found again under the same key however it is written.
fn mail_address(address: &str) {
    assert!(
        address.len() <= 254
            && address.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\",".contains(&byte))
    );
    assert_eq!(parse_email(address).expect("what is stored is read").as_str(), address);
}

fn ids(text: &str) {
    if let Ok(id) = text.parse::<MemberId>() {
        assert_eq!(id.as_str(), text);
    }
    if let Ok(id) = text.parse::<BulkActionId>() {
        assert_eq!(id.to_string(), text, "an id has one spelling");
    }
    if let Ok(id) = text.parse::<MessageId>() {
        assert_eq!(id.to_string(), text, "an id has one spelling");
    }
    if let Ok(id) = text.parse::<ConversationId>() {
        assert_eq!(id.to_string(), text, "an id has one spelling");
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        assert_eq!(time.to_string().parse(), Ok(time), "a time is written as it was read");
    }
}
