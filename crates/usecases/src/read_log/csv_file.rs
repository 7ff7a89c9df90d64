//! Failed items as a CSV file (RFC 4180) that a spreadsheet can open without harm.

use std::borrow::Cow;

use wire::api::message::FailedItemView;

const HEADER: [&str; 8] =
    ["message_id", "member_id", "channel", "address", "code", "message", "provider_code", "at"];

/// The file, its header line included.
pub(super) fn write(items: &[FailedItemView]) -> String {
    let mut file = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Writing into memory cannot fail.
    let mut ok = file.write_record(HEADER).is_ok();
    for item in items {
        let cells = [
            item.message_id.to_string(),
            item.member_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            item.channel.to_string(),
            item.address.clone().unwrap_or_default(),
            item.code.to_owned(),
            item.message.clone(),
            item.provider_code.clone().unwrap_or_default(),
            item.at.to_string(),
        ];
        ok &= file.write_record(cells.iter().map(|cell| harmless(cell).into_owned())).is_ok();
    }
    debug_assert!(ok);
    file.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// A spreadsheet takes a cell that begins with one of these for a formula, and what is in the cells comes from members and providers
/// (OWASP, "CSV Injection"). An apostrophe makes it a text. A sign before nothing but digits is a number: phones stay as they are.
fn harmless(cell: &str) -> Cow<'_, str> {
    let number =
        cell.strip_prefix(['+', '-']).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && !number {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_log::samples::row;
    use domain::Timestamp;

    #[test]
    fn a_formula_becomes_a_text_and_a_phone_stays_a_phone() {
        for (cell, expected) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
            ("+1@example.org", "'+1@example.org"),
            ("\t=1", "'\t=1"),
            ("+15005550006", "+15005550006"),
            ("-5", "-5"),
            ("ana@example.org", "ana@example.org"),
            ("", ""),
        ] {
            assert_eq!(harmless(cell), expected);
        }
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let item = FailedItemView {
            message_id: row().id,
            member_id: Some("m1".parse().unwrap()),
            channel: domain::Channel::Email,
            address: None,
            code: "provider_rejected",
            message: "No, \"never\"".into(),
            provider_code: Some("550\r\n5.1.1".into()),
            at: Timestamp::from_secs(0),
        };
        let file = write(&[item]);
        let lines: Vec<&str> = file.splitn(2, "\r\n").collect();
        assert_eq!(lines[0], "message_id,member_id,channel,address,code,message,provider_code,at");
        let id = row().id;
        let expected = format!(
            "{id},m1,email,,provider_rejected,\"No, \"\"never\"\"\",\"550\r\n5.1.1\",1970-01-01T00:00:00.000Z\r\n"
        );
        assert_eq!(lines[1], expected);
    }
}
