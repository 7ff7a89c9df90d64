//! The words by which people opt out and in, as Twilio and the carriers know them (support.twilio.com 223134027), with
//! the two-word spellings of the FCC's list.

/// What a message asks for when it is nothing but a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keyword {
    /// No more messages.
    Stop,
    /// Messages again.
    Start,
    /// Messages again if the address is opted out; else an ordinary answer ("Are you coming?" "Yes").
    Yes,
    /// Who is writing.
    Help,
}

/// No keyword has more letters; a longer message is not looked at any further.
const LONGEST: usize = 16;

impl Keyword {
    /// The keyword that the whole of `text` is, whatever its case, width, spacing and punctuation.
    pub fn of(text: &str) -> Option<Self> {
        let letters = text.chars().map(narrow).filter(|c| c.is_alphanumeric()).take(LONGEST);
        let word: String = letters.map(|c| c.to_ascii_uppercase()).collect();
        match word.as_str() {
            "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "REVOKE" | "OPTOUT" => {
                Some(Self::Stop)
            }
            "START" | "UNSTOP" => Some(Self::Start),
            "YES" => Some(Self::Yes),
            "HELP" | "INFO" => Some(Self::Help),
            _ => None,
        }
    }
}

/// The ASCII character that a fullwidth one, as keyboards for East Asian scripts type it, stands for (Unicode's compatibility
/// decomposition of U+FF01 to U+FF5E).
fn narrow(c: char) -> char {
    const WIDER_BY: u32 = 0xFEE0;
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - WIDER_BY).unwrap_or(c),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_spacing_and_punctuation_do_not_matter() {
        for text in [
            "STOP", "stop", " Stop!\n", "\"stop\"", "*STOP*", "S T O P", "stop.", "Stop all", "STOPALL",
            "opt-out", "OPT OUT",
        ] {
            assert_eq!(Keyword::of(text), Some(Keyword::Stop), "{text}");
        }
        for text in ["unsubscribe", "Cancel", "end", "quit", "revoke"] {
            assert_eq!(Keyword::of(text), Some(Keyword::Stop), "{text}");
        }
        assert_eq!(Keyword::of("un-stop"), Some(Keyword::Start));
        assert_eq!(Keyword::of("Start."), Some(Keyword::Start));
        assert_eq!(Keyword::of("Yes!"), Some(Keyword::Yes));
        assert_eq!(Keyword::of("Help?"), Some(Keyword::Help));
        assert_eq!(Keyword::of("info"), Some(Keyword::Help));
    }

    #[test]
    fn fullwidth_letters_count_too() {
        for text in ["ＳＴＯＰ", "ｓｔｏｐ！", "Ｓtop ａll"] {
            assert_eq!(Keyword::of(text), Some(Keyword::Stop), "{text}");
        }
        assert_eq!(Keyword::of("ＨＥＬＰ？"), Some(Keyword::Help));
        assert_eq!(Keyword::of("ＳＴＯＰ２"), None, "a digit is no punctuation");
    }

    #[test]
    fn a_keyword_inside_a_message_is_an_ordinary_message() {
        for text in [
            "",
            "!",
            "stop it",
            "please stop",
            "STOP2",
            "yes please",
            "start at 10?",
            "stopped",
            "the end",
            "¡sí!",
            "🛑",
        ] {
            assert_eq!(Keyword::of(text), None, "{text}");
        }
    }

    #[test]
    fn a_very_long_message_is_no_keyword() {
        assert_eq!(Keyword::of(&"stop ".repeat(100_000)), None);
        assert_eq!(Keyword::of(&format!("{}stop", "!".repeat(1_000))), Some(Keyword::Stop));
    }
}
