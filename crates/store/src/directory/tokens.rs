//! Tokens of unsubscribe links: signed, without expiry, and saying nothing about the address.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::opt_out::AddressHash;
use domain::{Channel, OrgId};
use hmac::Mac as _;

use super::address_keys::{AddressKeys, Purpose, hmac, mac_of};

/// The layout: version, channel, hash of the address, the organisation's id, signature.
const VERSION: u8 = 1;
/// Bytes of the signature: 2^128 guesses.
const SIGNATURE: usize = 16;
/// Bytes before the organisation's id.
const HEAD: usize = 2 + AddressHash::BYTES;
/// Longest token, in characters: that of an organisation id of 64.
const MAX_TOKEN: usize = 132;

/// Makes and reads the tokens of unsubscribe links. A token names an address by its keyed hash, so whoever finds a link
/// learns nothing from it, and it stays good when the message's row is gone.
#[derive(Debug, Clone)]
pub struct UnsubscribeTokens {
    keys: AddressKeys,
}

impl UnsubscribeTokens {
    /// Tokens signed with `keys`.
    pub fn new(keys: AddressKeys) -> Self {
        Self { keys }
    }

    /// The token with which the owner of an address opts out of a channel. 48 characters and four for every three of the
    /// organisation's id, all of them safe in a URL.
    pub fn make(&self, org: &OrgId, channel: Channel, address: &AddressHash) -> String {
        let mut token = vec![VERSION, code(channel)];
        token.extend(address.to_bytes());
        token.extend(org.as_str().as_bytes());
        let signature = hmac(&self.key(org), &[&token]);
        token.extend(signature.iter().take(SIGNATURE));
        URL_SAFE_NO_PAD.encode(token)
    }

    /// What a token stands for; `None` unless it was made here.
    pub fn open(&self, token: &str) -> Option<(OrgId, Channel, AddressHash)> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, signature) = bytes.split_at_checked(bytes.len().checked_sub(SIGNATURE)?)?;
        let (head, org) = signed.split_at_checked(HEAD)?;
        let org: OrgId = std::str::from_utf8(org).ok()?.parse().ok()?;
        mac_of(&self.key(&org), &[signed]).verify_truncated_left(signature).ok()?;
        let [VERSION, channel, hash @ ..] = head else { return None };
        let channel = Channel::ALL.into_iter().find(|known| code(*known) == *channel)?;
        Some((org, channel, AddressHash::new(hash.try_into().ok()?)))
    }

    fn key(&self, org: &OrgId) -> [u8; 32] {
        self.keys.derive(Purpose::Unsubscribe, org)
    }
}

/// The channel's number in tokens, for ever.
fn code(channel: Channel) -> u8 {
    match channel {
        Channel::WhatsApp => 1,
        Channel::Sms => 2,
        Channel::Email => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(key: u8) -> UnsubscribeTokens {
        UnsubscribeTokens::new(AddressKeys::new(&[key; 32]).unwrap())
    }

    fn hash() -> AddressHash {
        AddressHash::new([9; AddressHash::BYTES])
    }

    #[test]
    fn a_token_opens_to_what_it_was_made_from() {
        for org in ["o".to_owned(), "x".repeat(64)] {
            let org: OrgId = org.parse().unwrap();
            let token = tokens(1).make(&org, Channel::Email, &hash());
            assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            assert_eq!(tokens(1).open(&token), Some((org, Channel::Email, hash())));
        }
    }

    #[test]
    fn a_token_with_any_bit_changed_is_none() {
        let token = tokens(1).make(&"demo".parse().unwrap(), Channel::Email, &hash());
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(tokens(1).open(&URL_SAFE_NO_PAD.encode(changed)), None, "bit {bit}");
        }
    }

    #[test]
    fn a_token_of_another_key_or_another_form_is_none() {
        let token = tokens(1).make(&"demo".parse().unwrap(), Channel::Email, &hash());
        assert_eq!(tokens(2).open(&token), None);
        for bad in ["", "AAAA", &token[..token.len() - 4], &format!("{token}="), &"A".repeat(5_000), "é"] {
            assert_eq!(tokens(1).open(bad), None, "{bad}");
        }
    }
}
