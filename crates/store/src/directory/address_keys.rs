//! The stage's own key, and what is derived from it.

use std::fmt;
use std::sync::Arc;

use domain::OrgId;
use domain::member::Address;
use domain::opt_out::AddressHash;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

use crate::Store;

/// Shortest master key, in bytes: that of the HMAC's own strength.
const MIN_MASTER: usize = 32;

/// The master key is too short to protect anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the master key has fewer than 32 bytes")]
pub struct WeakKey;

/// What a derived key is for. One purpose's key says nothing about another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Hashes of addresses. Never change its name: every opt-out by address would be lost.
    Address,
    /// Cursors of lists.
    Cursor,
    /// Tokens of unsubscribe links. Never change its name: links in sent mails would be dead.
    Unsubscribe,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Cursor => "cursor",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// The keys that keep addresses out of keys, and that sign cursors and unsubscribe links. One key per purpose and
/// organisation, so that the same address has unrelated hashes in two organisations.
#[derive(Clone)]
pub struct AddressKeys {
    master: Arc<[u8]>,
}

impl AddressKeys {
    /// Keys from the stage's secret, at least 32 bytes.
    ///
    /// # Errors
    /// If the secret is shorter.
    pub fn new(master: &[u8]) -> Result<Self, WeakKey> {
        if master.len() < MIN_MASTER { Err(WeakKey) } else { Ok(Self { master: master.into() }) }
    }

    /// The key of an organisation for one purpose.
    pub fn derive(&self, purpose: Purpose, org: &OrgId) -> [u8; 32] {
        // An organisation's id holds no zero byte, so the parts cannot run into each other.
        hmac(&self.master, &[b"tidings\0", purpose.name().as_bytes(), b"\0", org.as_str().as_bytes()])
    }

    /// The hash under which an organisation knows an address, however its case was typed.
    pub fn address_hash(&self, org: &OrgId, address: &Address) -> AddressHash {
        let mac = hmac(&self.derive(Purpose::Address, org), &[address.suppression_key().as_bytes()]);
        let mut first = [0; AddressHash::BYTES];
        first.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
        AddressHash::new(first)
    }
}

impl fmt::Debug for AddressKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressKeys(..)")
    }
}

/// HMAC-SHA256 of the concatenated `parts`.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    mac_of(key, parts).finalize().into_bytes().into()
}

/// The same, for comparing in constant time.
pub(super) fn mac_of(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(part);
    }
    mac
}

impl Store {
    /// The keys, for cursors and tokens.
    pub fn keys(&self) -> &AddressKeys {
        &self.keys
    }

    /// See [`AddressKeys::address_hash`].
    pub fn address_hash(&self, org: &OrgId, address: &Address) -> AddressHash {
        self.keys.address_hash(org, address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> AddressKeys {
        AddressKeys::new(&[7; 32]).unwrap()
    }

    fn hash(org: &str, address: &str) -> AddressHash {
        keys().address_hash(&org.parse().unwrap(), &Address::stored(address.into()))
    }

    #[test]
    fn a_mailbox_has_one_hash_whatever_its_case() {
        assert_eq!(hash("o", "Ana@example.org"), hash("o", "ana@example.org"));
        assert_ne!(hash("o", "ana@example.org"), hash("o", "bo@example.org"));
    }

    #[test]
    fn the_same_address_has_unrelated_hashes_in_two_organisations() {
        assert_ne!(hash("o", "+15005550006"), hash("p", "+15005550006"));
    }

    #[test]
    fn every_purpose_has_a_key_of_its_own() {
        let org = "o".parse().unwrap();
        let all = [Purpose::Address, Purpose::Cursor, Purpose::Unsubscribe].map(|p| keys().derive(p, &org));
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    }

    #[test]
    fn a_short_master_key_is_refused() {
        assert_eq!(AddressKeys::new(&[7; 31]).unwrap_err(), WeakKey);
    }

    /// Known-good values: opt-outs and links outlive releases, so neither hash may ever change.
    #[test]
    fn hashes_stay_what_they_are() {
        assert_eq!(hash("demo", "+15005550006").as_str(), FROZEN_HASH);
    }

    // HMAC-SHA256(HMAC-SHA256(32 × 0x07, "tidings\0address\0demo"), "+15005550006"), computed with Python's hmac.
    const FROZEN_HASH: &str = "5117a85552b9667e411443bba8ce5fab";
}
