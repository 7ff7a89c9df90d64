//! A provider's own words about a refusal, made fit to be stored and logged.

/// Longest text that is kept of a provider's explanation, in characters.
const MAX_TEXT: usize = 300;
/// A run of at least so many digits is taken for a phone number; the longest error codes have six or seven.
const PHONE_DIGITS: usize = 8;
/// With a `+` before them, so many digits are enough.
const DIGITS_AFTER_PLUS: usize = 3;
/// Characters between the digits of a number as people write it.
const SEPARATORS: &[char] = &[' ', '-', '.', '(', ')', '/', '\u{a0}'];

/// What went wrong, in the provider's words. Kept beside our own code and never instead of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The provider's own code, if it gave one.
    pub code: Option<String>,
    /// The provider's text with addresses masked, or ours if the provider said nothing.
    pub text: String,
    /// The HTTP status of its answer; `None` if none came.
    pub status: Option<u16>,
}

impl Problem {
    /// A problem with the provider's `code` and its `text`, in which anything like a phone number or a mailbox is masked.
    pub fn new(code: Option<String>, text: &str) -> Self {
        Self { code, text: mask(text), status: None }
    }

    /// The same, told in an answer of this HTTP status.
    pub(crate) fn answered(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// A problem in our own words.
    pub(crate) fn ours(text: &'static str) -> Self {
        Self { code: None, text: text.to_owned(), status: None }
    }
}

/// `text` on one line, shortened, without phone numbers and mailboxes.
fn mask(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(4 * MAX_TEXT).collect();
    mask_numbers(&mask_mailboxes(&line)).chars().take(MAX_TEXT).collect()
}

fn mask_mailboxes(text: &str) -> String {
    let boundary = |c: char| c.is_whitespace() || "<>()[]\"',;:".contains(c);
    text.split_inclusive(boundary)
        .map(|piece| {
            let word = piece.trim_end_matches(boundary);
            if word.contains('@') { format!("[address]{}", &piece[word.len()..]) } else { piece.to_owned() }
        })
        .collect()
}

fn mask_numbers(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, digits) = number_at(&chars[at..]);
        let least = if chars[at] == '+' { DIGITS_AFTER_PLUS } else { PHONE_DIGITS };
        if digits >= least {
            out.push_str("[number]");
        } else {
            out.extend(&chars[at..at + end.max(1)]);
        }
        at += end.max(1);
    }
    out
}

/// How far a number reaches from the start of `chars`, and how many digits it has. It ends with a digit.
fn number_at(chars: &[char]) -> (usize, usize) {
    let start = usize::from(chars.first() == Some(&'+'));
    let (mut end, mut digits, mut gap) = (0, 0, 0);
    for (index, c) in chars.iter().enumerate().skip(start) {
        if c.is_ascii_digit() {
            (end, digits, gap) = (index + 1, digits + 1, 0);
        } else if digits > 0 && gap < 2 && SEPARATORS.contains(c) {
            gap += 1;
        } else {
            break;
        }
    }
    (end, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        Problem::new(None, text).text
    }

    #[test]
    fn a_phone_number_is_masked_however_it_is_written() {
        for number in [
            "+1500555",
            "+15005550009",
            "16505551234",
            "+1 (500) 555-0009",
            "500.555.0009",
            "0044 20 7946 0958",
        ] {
            assert_eq!(
                masked(&format!("To number: {number}, is not")),
                "To number: [number], is not",
                "{number}"
            );
        }
    }

    #[test]
    fn a_mailbox_is_masked() {
        let text = "check in region US-EAST-1: news@example.com and <Ana@EXAMPLE.org>.";
        assert_eq!(masked(text), "check in region US-EAST-1: [address] and <[address]>.");
    }

    #[test]
    fn codes_and_short_numbers_stay_readable() {
        for text in
            ["(#131047) Re-engagement message", "more than 24 hours", "HTTP 503", "limit of 1600 reached"]
        {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn a_text_is_one_line_of_bounded_length() {
        let text = masked(&format!("a\r\nb\u{0}{}", "x".repeat(10_000)));
        assert!(text.starts_with("a  b x"));
        assert_eq!(text.chars().count(), MAX_TEXT);
    }

    proptest::proptest! {
        #[test]
        fn no_number_and_no_mailbox_gets_through(before in "[^0-9@]{0,20}", number in "[1-9][0-9]{9,14}", after in "[^0-9@]{0,20}") {
            let text = masked(&format!("{before}+{number} {number}@example.com{after}"));
            proptest::prop_assert!(!text.contains(&number));
            proptest::prop_assert!(!text.contains("@example"));
        }
    }
}
