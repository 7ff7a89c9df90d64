//! Ids in the shapes of the providers: random where a message gets one, derived where a repeated attempt must carry
//! the one of the first.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

/// `N` bytes that nobody can guess.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The system's random source does not fail once the process runs; ids only have to differ, so the time would do.
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        let digest = Sha256::digest(crate::clock::now_ms().to_be_bytes());
        bytes.iter_mut().zip(digest.iter()).for_each(|(byte, other)| *byte = *other);
    }
    bytes
}

fn uuid_of(bytes: [u8; 16]) -> String {
    let text = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

/// A random id in the form of a UUID: request ids, tokens.
pub(crate) fn uuid() -> String {
    uuid_of(random())
}

/// The same UUID for the same name: what a provider repeats on each attempt of one delivery.
pub(crate) fn uuid_from(name: &str) -> String {
    uuid_of(digest16(name))
}

/// `SM` and 32 hexadecimal digits.
pub(crate) fn twilio_sid() -> String {
    format!("SM{}", hex::encode(random::<16>()))
}

/// `wamid.` and, in base64, the number and a random part, as in Meta's samples.
pub(crate) fn wamid(wa_id: &str) -> String {
    let mut bytes = vec![0x1c, 0x18, u8::try_from(wa_id.len()).unwrap_or(u8::MAX)];
    bytes.extend_from_slice(wa_id.as_bytes());
    bytes.extend_from_slice(&[0x15, 0x02, 0x00, 0x11, 0x18, 0x14]);
    bytes.extend_from_slice(hex::encode_upper(random::<10>()).as_bytes());
    bytes.push(0);
    format!("wamid.{}", BASE64.encode(bytes))
}

/// `0100`, the time and a UUID: the `MessageId` of SES in US East.
pub(crate) fn ses_message_id(now_ms: i64) -> String {
    format!("0100{now_ms:012x}-{}-000000", uuid())
}

/// Decimal digits derived from a name: display numbers and business account ids that stay the same over restarts.
pub(crate) fn digits_from(name: &str, count: usize) -> String {
    digest16(name).iter().cycle().take(count).map(|byte| char::from(b'0' + byte % 10)).collect()
}

fn digest16(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(name.as_bytes())[..16]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_lengths_and_alphabets_of_the_providers() {
        let sid = twilio_sid();
        assert!(sid.len() == 34 && sid.starts_with("SM") && sid[2..].bytes().all(|b| b.is_ascii_hexdigit()));
        assert!(wamid("447700900123").len() <= 128);
        let message_id = ses_message_id(1_792_095_151_000);
        assert_eq!(message_id.len(), "0100019a0f2e7c3d-5b1c7c1e-3a0b-4a57-9b1e-0d2f4a6c8e10-000000".len());
        assert_ne!(twilio_sid(), twilio_sid());
    }

    #[test]
    fn a_derived_id_is_the_same_each_time_and_differs_by_name() {
        assert_eq!(uuid_from("a"), uuid_from("a"));
        assert_ne!(uuid_from("a"), uuid_from("b"));
        assert_eq!(digits_from("phone", 15), digits_from("phone", 15));
        assert_eq!(digits_from("phone", 20).len(), 20);
    }
}
