//! Numbers and senders as Twilio tells them apart.

use crate::ids::digits_from;

/// E.164: a plus, no leading zero, 7 to 15 digits.
pub(super) fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number, a short code or an alphanumeric sender id (1 to 11 characters with a letter).
pub(super) fn is_sender(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let short_code = (3..=8).contains(&text.len()) && digits;
    let alphanumeric = (1..=11).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -_+&".contains(&byte))
        && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_e164(text) || short_code || alphanumeric
}

/// `MG` and 32 hexadecimal digits.
pub(super) fn is_service(text: &str) -> bool {
    text.strip_prefix("MG")
        .is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// What a person can write to: a number, perhaps without its plus, a short code, or a service.
pub(crate) fn reachable(text: &str) -> Option<String> {
    let with_plus = format!("+{text}");
    let short_code = (3..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_e164(text) || is_service(text) || short_code {
        Some(text.to_owned())
    } else {
        is_e164(&with_plus).then_some(with_plus)
    }
}

/// The number from which a messaging service sends: always the same one of its pool.
pub(crate) fn pool_number(service: &str) -> String {
    format!("+1500777{}", digits_from(service, 4))
}

/// The country of a number, as far as callbacks need it; empty where this short list does not know.
pub(super) fn country(number: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 16] = [
        ("+1", "US"),
        ("+27", "ZA"),
        ("+31", "NL"),
        ("+33", "FR"),
        ("+34", "ES"),
        ("+353", "IE"),
        ("+39", "IT"),
        ("+44", "GB"),
        ("+49", "DE"),
        ("+52", "MX"),
        ("+55", "BR"),
        ("+61", "AU"),
        ("+63", "PH"),
        ("+91", "IN"),
        ("+234", "NG"),
        ("+254", "KE"),
    ];
    PREFIXES.iter().find(|(prefix, _)| number.starts_with(prefix)).map_or("", |(_, country)| country)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_services_and_names_are_told_apart() {
        for good in ["+15005550006", "+447700900123", "+4930123", "+999999999999999"] {
            assert!(is_e164(good), "{good}");
        }
        for bad in ["15005550006", "+150055", "+0123456789", "+1500555000a", "+1234567890123456", "", "+"] {
            assert!(!is_e164(bad), "{bad}");
        }
        assert!(is_sender("12345") && is_sender("StMary") && is_sender("+15005550006"));
        assert!(!is_sender("") && !is_sender("A name too long") && !is_sender("12"));
        assert!(is_service("MG0123456789abcdef0123456789abcdef") && !is_service("MG01"));
    }

    #[test]
    fn a_person_can_write_to_a_number_a_short_code_or_a_service() {
        assert_eq!(reachable("15005550006").as_deref(), Some("+15005550006"));
        assert_eq!(reachable("12345").as_deref(), Some("12345"));
        assert_eq!(reachable("StMary"), None);
    }

    #[test]
    fn a_service_always_sends_from_one_number() {
        let number = pool_number("MG0123456789abcdef0123456789abcdef");
        assert!(is_e164(&number), "{number}");
        assert_eq!(number, pool_number("MG0123456789abcdef0123456789abcdef"));
    }
}
