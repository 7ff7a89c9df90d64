//! `X-Twilio-Signature`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// `base64(HMAC-SHA1(AuthToken, URL + name + value + ...))`: names in the order of their bytes, the values of one name
/// sorted and each once, all decoded; the URL as it is called, without its fragment.
/// <https://www.twilio.com/docs/usage/webhooks/webhooks-security>
pub(super) fn sign(auth_token: &str, url: &str, fields: &[(&str, String)]) -> String {
    let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fields.sort_unstable();
    fields.dedup();
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()) else { return String::new() };
    mac.update(url.as_bytes());
    for (name, value) in fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_equal_those_of_the_official_libraries() {
        let vectors = include_str!("../../../../tests/fixtures/vectors/twilio_signature.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
        let mut checked = 0;
        for case in vectors["form"].as_array().unwrap() {
            if case["expect"] != true {
                continue;
            }
            let fields: Vec<(&str, String)> = case["params"]
                .as_array()
                .unwrap()
                .iter()
                .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap().to_owned()))
                .collect();
            let signed =
                sign(case["secret"].as_str().unwrap(), case["url_signed"].as_str().unwrap(), &fields);
            assert_eq!(signed, case["signature"].as_str().unwrap(), "{}", case["name"]);
            checked += 1;
        }
        assert!(checked >= 7, "{checked}");
    }

    #[test]
    fn a_value_that_is_sent_twice_counts_once() {
        let once = sign("12345", "https://example.com/x", &[("A", "1".to_owned())]);
        let twice = sign("12345", "https://example.com/x", &[("A", "1".to_owned()), ("A", "1".to_owned())]);
        assert_eq!(once, twice);
    }
}
