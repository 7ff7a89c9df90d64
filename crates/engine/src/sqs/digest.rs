//! The MD5 digests by which SDKs check that a message arrived whole.
//!
//! Source: "Calculating the MD5 message digest for message attributes" in the SQS developer guide.

use std::collections::BTreeMap;

use md5::{Digest, Md5};

use super::protocol::AttributeValue;

/// The digest of a body, in lower-case hexadecimal.
pub(super) fn of_body(body: &str) -> String {
    hex::encode(Md5::digest(body.as_bytes()))
}

/// The digest of attributes, which go in by name in ascending order; `None` if there are none.
pub(super) fn of_attributes(attributes: &BTreeMap<String, AttributeValue>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, value) in attributes {
        chunk(&mut digest, name.as_bytes());
        chunk(&mut digest, value.data_type.as_bytes());
        digest.update([if value.is_binary() { 2_u8 } else { 1 }]);
        chunk(&mut digest, &value.bytes());
    }
    Some(hex::encode(digest.finalize()))
}

fn chunk(digest: &mut Md5, bytes: &[u8]) {
    // Messages are at most 1 MiB long.
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(value: &str) -> AttributeValue {
        AttributeValue {
            data_type: "String".to_owned(),
            string_value: Some(value.to_owned()),
            binary_value: None,
        }
    }

    /// Digests that the service itself gave for these attributes.
    #[test]
    fn digests_equal_those_of_the_service() {
        let jedi = [("General", "Kenobi"), ("Hello", "There"), ("Help.Me", "Me")];
        let all: BTreeMap<_, _> = jedi.iter().map(|(k, v)| ((*k).to_owned(), string(v))).collect();
        assert_eq!(of_attributes(&all).unwrap(), "4c360f3fdafd970e05fae2f149d997f5");
        let one = BTreeMap::from([("MyAttribute".to_owned(), string("foobar"))]);
        assert_eq!(of_attributes(&one).unwrap(), "adb59cd4678ea5a855436b949cd07ab6");
        assert_eq!(of_body("message-1"), "3d6b824fd8c1520e9a047d21fee6fb1f");
    }

    #[test]
    fn no_attributes_have_no_digest() {
        assert_eq!(of_attributes(&BTreeMap::new()), None);
    }
}
