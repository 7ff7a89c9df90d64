//! How many SMS a text takes (3GPP TS 23.038; Twilio counts alike).

/// The characters of GSM-7 that cost one septet.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Those that cost two, because they are escaped.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// The number of segments, at least one.
pub(super) fn segments(text: &str) -> usize {
    let septets: Option<Vec<usize>> = text.chars().map(septets).collect();
    match septets {
        Some(costs) => pack(&costs, 160, 153),
        None => pack(&text.chars().map(char::len_utf16).collect::<Vec<_>>(), 70, 67),
    }
}

fn septets(character: char) -> Option<usize> {
    if BASIC.contains(character) {
        Some(1)
    } else if EXTENDED.contains(character) {
        Some(2)
    } else {
        None
    }
}

/// Fills segments; a character is never split over two.
fn pack(costs: &[usize], single: usize, part: usize) -> usize {
    if costs.iter().sum::<usize>() <= single {
        return 1;
    }
    let (full, _) = costs.iter().fold((0, part), |(segments, used), cost| {
        if used + cost > part { (segments + 1, *cost) } else { (segments, used + cost) }
    });
    full
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_equal_those_of_twilios_own_calculator() {
        let vectors = include_str!("../../../../tests/fixtures/vectors/sms_segments.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert!(cases.len() > 10);
        for case in cases {
            let text = case["text"].as_str().unwrap();
            assert_eq!(segments(text) as u64, case["segments"].as_u64().unwrap(), "{}", case["name"]);
        }
    }
}
