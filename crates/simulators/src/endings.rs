//! Addresses that always behave in one way, told by how they end.

/// What happens to a message to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Refused in the answer to the request.
    Refused,
    /// Accepted, then reported as failed for good.
    Fails,
    /// Accepted, and never a report.
    Silent,
    /// Delivered, then its reader opts out.
    Stops,
    /// Accepted, but the answer is lost; reports follow.
    AnswerLost,
    /// Email only: delivered, then reported as spam.
    Complains,
    /// What all others do.
    Delivered,
}

impl Ending {
    /// By the last four digits, whatever the country and however the number is written.
    pub(crate) fn of_phone(number: &str) -> Self {
        let digits: Vec<u8> = number.bytes().filter(u8::is_ascii_digit).collect();
        match digits.last_chunk::<4>() {
            Some(b"0001") => Self::Refused,
            Some(b"0002") => Self::Fails,
            Some(b"0003") => Self::Silent,
            Some(b"0004") => Self::Stops,
            Some(b"0005") => Self::AnswerLost,
            _ => Self::Delivered,
        }
    }

    /// By the last four characters before the `@`.
    pub(crate) fn of_email(address: &str) -> Self {
        let local = address.rsplit_once('@').map_or("", |(local, _)| local);
        if local.ends_with("0006") { Self::Complains } else { Self::of_last_four(local) }
    }

    fn of_last_four(local: &str) -> Self {
        match local.as_bytes().last_chunk::<4>() {
            Some(four) if four.iter().all(u8::is_ascii_digit) => Self::of_phone(local),
            _ => Self::Delivered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_read_by_its_last_four_digits_in_any_country() {
        for (number, ending) in [
            ("+15005550001", Ending::Refused),
            ("447700900002", Ending::Fails),
            ("+49 171 123-0003", Ending::Silent),
            ("+5511987650004", Ending::Stops),
            ("+15005550005", Ending::AnswerLost),
            ("+15005550006", Ending::Delivered),
            ("+15005551234", Ending::Delivered),
            ("1", Ending::Delivered),
        ] {
            assert_eq!(Ending::of_phone(number), ending, "{number}");
        }
    }

    #[test]
    fn an_email_is_read_by_the_last_four_characters_before_the_at_sign() {
        for (address, ending) in [
            ("ann0001@example.com", Ending::Refused),
            ("0002@example.com", Ending::Fails),
            ("ann.0003@example.com", Ending::Silent),
            ("ann+0004@example.com", Ending::Stops),
            ("ann0005@example.com", Ending::AnswerLost),
            ("ann0006@example.com", Ending::Complains),
            ("ann00-01@example.com", Ending::Delivered),
            ("ann@0001.example", Ending::Delivered),
            ("0001", Ending::Delivered),
        ] {
            assert_eq!(Ending::of_email(address), ending, "{address}");
        }
    }
}
