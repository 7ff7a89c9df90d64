//! Cursors of lists: where the next page begins, sealed so that nobody can make or change one.
//!
//! A cursor is good for the list, the filters and the organisation that it was made for. What it holds can be read by who
//! has it, so a position holds ids and times and never an address.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::OrgId;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use store::directory::{AddressKeys, Purpose};

/// Bytes of the seal.
const SEAL: usize = 16;
/// Longest cursor that is looked at, in characters.
const MAX_CURSOR: usize = 2_048;

/// A cursor to `position`. `filters` says which list it continues: the list's name and its filters, always written alike.
pub fn seal(keys: &AddressKeys, org: &OrgId, filters: &str, position: &impl Serialize) -> String {
    // Positions are our own types with string keys and always serialise.
    let position = serde_json::to_vec(position).unwrap_or_default();
    let mut cursor = mac(keys, org, filters, &position).finalize().into_bytes().to_vec();
    cursor.truncate(SEAL);
    cursor.extend(position);
    URL_SAFE_NO_PAD.encode(cursor)
}

/// The position of a cursor that [`seal`] made with the same `org` and `filters`; `None` for any other.
pub fn open<T: DeserializeOwned>(keys: &AddressKeys, org: &OrgId, filters: &str, cursor: &str) -> Option<T> {
    if cursor.len() > MAX_CURSOR {
        return None;
    }
    let cursor = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (seal, position) = cursor.split_at_checked(SEAL)?;
    mac(keys, org, filters, position).verify_truncated_left(seal).ok()?;
    serde_json::from_slice(position).ok()
}

fn mac(keys: &AddressKeys, org: &OrgId, filters: &str, position: &[u8]) -> Hmac<Sha256> {
    let key = keys.derive(Purpose::Cursor, org);
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of every length");
    // The length keeps filters and position from running into each other.
    mac.update(&(filters.len() as u64).to_be_bytes());
    mac.update(filters.as_bytes());
    mac.update(position);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> AddressKeys {
        AddressKeys::new(&[7; 32]).unwrap()
    }

    fn org(id: &str) -> OrgId {
        id.parse().unwrap()
    }

    fn opened(org_id: &str, filters: &str, cursor: &str) -> Option<(u32, String)> {
        open(&keys(), &org(org_id), filters, cursor)
    }

    #[test]
    fn a_cursor_opens_for_its_own_list_and_organisation_only() {
        let position = (7, "m1".to_owned());
        let cursor = seal(&keys(), &org("demo"), "members?q=ana", &position);
        assert_eq!(opened("demo", "members?q=ana", &cursor), Some(position));
        assert_eq!(opened("other", "members?q=ana", &cursor), None);
        assert_eq!(opened("demo", "members?q=ben", &cursor), None);
        assert_eq!(opened("demo", "members?q=ana7", &cursor), None);
    }

    #[test]
    fn a_cursor_that_was_tampered_with_opens_for_nobody() {
        let cursor = seal(&keys(), &org("demo"), "", &(7, "m1"));
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened("demo", "", &URL_SAFE_NO_PAD.encode(changed)), None, "bit {bit}");
        }
        for bad in ["", "AAAA", "%%%", &"A".repeat(100_000), &format!("{cursor}=")] {
            assert_eq!(opened("demo", "", bad), None);
        }
    }
}
