//! The calls that were made for a message, as its row keeps them: in a few bytes each, written with the outcome that is written anyway.

use std::fmt::Write;
use std::time::Duration;

use domain::Timestamp;

/// Calls that a row keeps, the last ones: a row stays under 1 KB however often its provider asks for patience.
const KEPT: usize = 6;
/// The longest of a provider's codes that is kept with its call, in characters.
const MAX_CODE: usize = 32;

/// One time at which a message was in a dispatcher's hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// When the provider was called; if it was not, when that was decided.
    pub at: Timestamp,
    /// How long before that the parcel was claimed; `None` if that is not known.
    pub claimed: Option<Duration>,
    /// How long before that opt-outs were looked up; `None` if that is not known.
    pub gate2: Option<Duration>,
    /// How long after it there was an answer, or it was clear that there is none.
    pub took: Duration,
    /// What it came to.
    pub verdict: Verdict,
    /// The HTTP status of an answer that was no success.
    pub status: Option<u16>,
    /// The provider's own code.
    pub code: Option<String>,
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The provider accepted the message.
    Accepted,
    /// It was refused for now; it will be tried again.
    Later,
    /// No connection came about.
    NotReached,
    /// No answer came, or one that proves nothing.
    Unknown,
    /// The function stopped before it could record an answer.
    Stopped,
    /// It was refused for good.
    Refused,
    /// The sender was refused as a whole.
    SenderRefused,
    /// The provider holds an opt-out of the recipient.
    OptedOutThere,
    /// It was not made: the recipient had opted out.
    OptedOut,
    /// It was not made: the opt-outs had been looked up too long ago.
    TooLate,
    /// It was not made: there was nothing to send.
    Nothing,
}

impl Verdict {
    const LETTERS: [(char, Self); 11] = [
        ('a', Self::Accepted),
        ('l', Self::Later),
        ('n', Self::NotReached),
        ('u', Self::Unknown),
        ('x', Self::Stopped),
        ('r', Self::Refused),
        ('s', Self::SenderRefused),
        ('p', Self::OptedOutThere),
        ('o', Self::OptedOut),
        ('t', Self::TooLate),
        ('e', Self::Nothing),
    ];

    fn letter(self) -> char {
        Self::LETTERS.iter().find(|(_, verdict)| *verdict == self).map_or('?', |(letter, _)| *letter)
    }

    /// Whether the provider was called, or may have been.
    pub fn was_made(self) -> bool {
        match self {
            Self::Accepted
            | Self::Later
            | Self::NotReached
            | Self::Unknown
            | Self::Stopped
            | Self::Refused
            | Self::SenderRefused
            | Self::OptedOutThere => true,
            Self::OptedOut | Self::TooLate | Self::Nothing => false,
        }
    }
}

/// A message's calls, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// How many there were before those that are kept.
    pub forgotten: u32,
    /// The last ones.
    pub kept: Vec<Call>,
}

impl Calls {
    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// With one more.
    #[must_use]
    pub fn and(&self, call: Call) -> Self {
        let mut calls = self.clone();
        calls.kept.push(call);
        if calls.kept.len() > KEPT {
            calls.kept.remove(0);
            calls.forgotten += 1;
        }
        calls
    }

    /// As a row keeps them: the number of those forgotten, then of each call its time, the claim and the look before it and the answer after it,
    /// all in milliseconds, and what it came to, `1764579600152,45,8,212,a`.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        if self.forgotten > 0 {
            // Writing to a String cannot fail.
            let _infallible = write!(text, "{} ", self.forgotten);
        }
        for (index, call) in self.kept.iter().enumerate() {
            let gap = if index > 0 { " " } else { "" };
            let before =
                |time: Option<Duration>| time.map_or_else(String::new, |it| it.as_millis().to_string());
            let status = call.status.map_or_else(String::new, |status| status.to_string());
            let _infallible = write!(
                text,
                "{gap}{},{},{},{},{}{status}",
                call.at.millis(),
                before(call.claimed),
                before(call.gate2),
                call.took.as_millis(),
                call.verdict.letter(),
            );
            let code = call.code.as_deref().unwrap_or_default().chars();
            let code: String =
                code.filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).take(MAX_CODE).collect();
            if !code.is_empty() {
                let _infallible = write!(text, ",{code}");
            }
        }
        text
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut calls = Self::default();
        for (index, part) in text.split(' ').enumerate() {
            match part.split_once(',') {
                None if index == 0 => calls.forgotten = part.parse().ok()?,
                None => return None,
                Some(_) => calls.kept.push(call(part)?),
            }
        }
        Some(calls)
    }
}

fn call(text: &str) -> Option<Call> {
    let parts: Vec<&str> = text.split(',').collect();
    let (fields, code) = match parts.as_slice() {
        [fields @ .., code] if parts.len() == 6 => (fields, Some((*code).to_owned())),
        fields => (fields, None),
    };
    let [at, claimed, gate2, took, verdict] = fields else { return None };
    let millis = |text: &str| text.parse().ok().map(Duration::from_millis);
    let before = |text: &str| if text.is_empty() { Some(None) } else { millis(text).map(Some) };
    let mut rest = verdict.chars();
    let letter = rest.next()?;
    let status = rest.as_str();
    Some(Call {
        at: Timestamp::from_millis(at.parse().ok()?),
        claimed: before(claimed)?,
        gate2: before(gate2)?,
        took: millis(took)?,
        verdict: Verdict::LETTERS.iter().find(|(of, _)| *of == letter).map(|(_, verdict)| *verdict)?,
        status: if status.is_empty() { None } else { Some(status.parse().ok()?) },
        code,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn created_at() -> Timestamp {
        Timestamp::from_secs(1_800_000_000)
    }

    fn calls() -> impl Strategy<Value = Vec<Call>> {
        let verdict = proptest::sample::select(&Verdict::LETTERS[..]);
        let before = || proptest::option::of(0_u64..100_000);
        let one = (
            0_u64..100_000_000,
            before(),
            before(),
            0_u64..60_000,
            verdict,
            proptest::option::of(100_u16..600),
            proptest::option::of("[A-Za-z0-9._-]{1,32}"),
        );
        let call = one.prop_map(|(at, claimed, gate2, took, (_, verdict), status, code)| Call {
            at: created_at() + Duration::from_millis(at),
            claimed: claimed.map(Duration::from_millis),
            gate2: gate2.map(Duration::from_millis),
            took: Duration::from_millis(took),
            verdict,
            status,
            code,
        });
        proptest::collection::vec(call, 0..20)
    }

    proptest! {
        #[test]
        fn calls_survive_their_text(all in calls()) {
            let calls = all.iter().fold(Calls::default(), |calls, call| calls.and(call.clone()));
            prop_assert_eq!(calls.forgotten as usize + calls.kept.len(), all.len());
            prop_assert!(calls.kept.len() <= KEPT && all.ends_with(&calls.kept), "the last ones are kept");
            if !calls.is_empty() {
                prop_assert_eq!(Calls::parse(&calls.to_text()), Some(calls));
            }
        }
    }

    #[test]
    fn a_usual_call_takes_some_twenty_five_bytes_and_six_bad_ones_stay_below_four_hundred() {
        let usual = Call {
            at: created_at() + Duration::from_millis(1_152),
            claimed: Some(Duration::from_millis(45)),
            gate2: Some(Duration::from_millis(8)),
            took: Duration::from_millis(212),
            verdict: Verdict::Accepted,
            status: None,
            code: None,
        };
        assert_eq!(Calls::default().and(usual.clone()).to_text(), "1800000001152,45,8,212,a");
        let bad = Call {
            at: created_at() + Duration::from_hours(20),
            verdict: Verdict::Later,
            status: Some(503),
            code: Some("x".repeat(500)),
            ..usual
        };
        let many = (0..50).fold(Calls::default(), |calls, _| calls.and(bad.clone()));
        let text = many.to_text();
        assert!(text.len() < 400 && text.starts_with("44 "), "{} {text}", text.len());
    }

    #[test]
    fn what_is_no_call_is_not_read() {
        for bad in ["", "x", "1,2,3,4", "1,2,3,4,?", "1,2,3,4,a,b,c", "1,2,3,4,ax", "1 2"] {
            assert_eq!(Calls::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_code_of_a_provider_cannot_break_the_text() {
        let call = Call {
            at: created_at(),
            claimed: None,
            gate2: None,
            took: Duration::ZERO,
            verdict: Verdict::Refused,
            status: None,
            code: Some("a b,c;\u{e9}\n1".into()),
        };
        let calls = Calls::default().and(call);
        let read = Calls::parse(&calls.to_text()).unwrap();
        assert_eq!(read.kept[0].code.as_deref(), Some("abc1"));
    }
}
