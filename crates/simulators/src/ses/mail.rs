//! Reading the mail itself.

use mail_parser::{Address, MessageParser, PartType};

/// What the twin and its ledger need of a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mail {
    /// In order, unfolded, but not decoded.
    pub(super) headers: Vec<(String, String)>,
    /// Decoded.
    pub(super) subject: Option<String>,
    /// The decoded text part, if there is one.
    pub(super) text: Option<String>,
    /// The decoded HTML part, if there is one.
    pub(super) html: Option<String>,
    /// Bare addresses of To, Cc and Bcc.
    pub(super) recipients: Vec<String>,
}

impl Mail {
    /// `None` if it has no header at all.
    pub(super) fn parse(raw: &[u8]) -> Option<Self> {
        let message = MessageParser::default().parse(raw)?;
        let headers: Vec<(String, String)> = message
            .headers_raw()
            .map(|(name, value)| (name.to_owned(), unfold(value)))
            .filter(|(name, _)| !name.is_empty())
            .collect();
        if headers.is_empty() {
            return None;
        }
        let (mut text, mut html) = (None, None);
        // A mail of one part only counts as both of its bodies; only what it really is, is kept.
        for part in message.text_bodies().chain(message.html_bodies()) {
            match &part.body {
                PartType::Text(content) if text.is_none() => text = Some(content.to_string()),
                PartType::Html(content) if html.is_none() => html = Some(content.to_string()),
                _ => {}
            }
        }
        let recipients =
            [message.to(), message.cc(), message.bcc()].into_iter().flatten().flat_map(bare).collect();
        Some(Self { headers, subject: message.subject().map(str::to_owned), text, html, recipients })
    }

    /// The first header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The address for a one-click unsubscribe (RFC 8058), if both of its headers are there.
    pub(super) fn one_click_url(&self) -> Option<&str> {
        let post = self.header("List-Unsubscribe-Post")?;
        if !post.trim().eq_ignore_ascii_case("List-Unsubscribe=One-Click") {
            return None;
        }
        self.header("List-Unsubscribe")?
            .split(['<', '>'])
            .map(str::trim)
            .find(|part| part.starts_with("https://") || part.starts_with("http://"))
    }
}

fn bare(addresses: &Address<'_>) -> Vec<String> {
    addresses.iter().filter_map(|address| address.address()).map(str::to_owned).collect()
}

/// Joins folded lines.
fn unfold(value: &str) -> String {
    value.split(['\r', '\n']).filter(|line| !line.is_empty()).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALTERNATIVE: &str = "From: =?utf-8?Q?St=C3=A9?= <a@example.com>\r\n\
        To: Ann <ann@example.com>, bob@example.com\r\n\
        Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n =?utf-8?Q?_an_alle?=\r\n\
        List-Unsubscribe: <mailto:u@example.com>,\r\n <http://127.0.0.1:3000/unsubscribe/t0k>\r\n\
        List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n\
        --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        Caf=C3=A9 =\r\nat ten\r\n\
        --b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        PHA+Q2Fmw6k8L3A+\r\n--b--\r\n";

    #[test]
    fn both_bodies_and_encoded_headers_are_decoded() {
        let mail = Mail::parse(ALTERNATIVE.as_bytes()).unwrap();
        assert_eq!(mail.subject.as_deref(), Some("Grüße an alle"));
        assert_eq!(mail.text.as_deref().map(str::trim_end), Some("Café at ten"));
        assert_eq!(mail.html.as_deref(), Some("<p>Café</p>"));
        assert_eq!(mail.recipients, ["ann@example.com", "bob@example.com"]);
        assert_eq!(mail.header("from"), Some("=?utf-8?Q?St=C3=A9?= <a@example.com>"));
    }

    #[test]
    fn the_one_click_address_needs_both_headers() {
        let mail = Mail::parse(ALTERNATIVE.as_bytes()).unwrap();
        assert_eq!(mail.one_click_url(), Some("http://127.0.0.1:3000/unsubscribe/t0k"));
        let without = ALTERNATIVE.replace("List-Unsubscribe-Post", "X-Other");
        assert_eq!(Mail::parse(without.as_bytes()).unwrap().one_click_url(), None);
    }

    #[test]
    fn a_mail_of_one_part_has_only_that_part() {
        let text = Mail::parse(b"From: a@b.org\r\nSubject: x\r\n\r\nplain\r\n").unwrap();
        assert_eq!((text.text.as_deref().map(str::trim_end), text.html), (Some("plain"), None));
        let html = Mail::parse(b"From: a@b.org\r\nContent-Type: text/html\r\n\r\n<p>x</p>").unwrap();
        assert_eq!((html.text, html.html.as_deref()), (None, Some("<p>x</p>")));
        assert_eq!(Mail::parse(b""), None);
    }
}
