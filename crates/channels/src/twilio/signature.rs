//! Whether a call comes from Twilio: `X-Twilio-Signature`
//! (<https://www.twilio.com/docs/usage/webhooks/webhooks-security>).
//!
//! The signature is a base64 HMAC over the URL as Twilio called it, followed by the form's decoded names and values: names in byte
//! order, each name's distinct values in order, without separators. A body that is no form is covered by its SHA-256 in the URL's
//! `bodySHA256`. The missing separators are a known weakness that every validator shares; there is no time and no nonce either, so
//! a replay is harmless only because applying a report twice changes nothing.
//!
//! Where Twilio's own libraries differ, this is the stricter of the two: a query string that was re-encoded on its way is refused.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::Secret;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-signature";
/// The header that names the algorithm, where it is not the old one: `key=webhooks_sharedkey_...,algorithm=HMAC_SHA256`.
pub const SETTINGS_HEADER: &str = "x-twilio-webhooks-signature-settings";

/// A call that says that it comes from Twilio.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The URL as Twilio called it: public scheme and host, raw path and raw query.
    pub url: &'a str,
    /// The body, byte by byte.
    pub body: &'a [u8],
    /// The value of [`SIGNATURE_HEADER`].
    pub signature: Option<&'a str>,
    /// The value of [`SETTINGS_HEADER`].
    pub settings: Option<&'a str>,
}

/// Whether one of `secrets` signed the call: the account's auth token, and the shared keys of Twilio's newer scheme where the
/// organisation has any. Takes the same time whatever is wrong with the signature.
#[must_use]
pub fn verify(secrets: &[&Secret], call: &Call<'_>) -> bool {
    let (Some(algorithm), Some(signature)) = (Algorithm::named(call.settings), call.signature) else {
        return false;
    };
    let Ok(tag) = STANDARD.decode(signature) else { return false };
    let Some(parameters) = signed_parameters(call.url, call.body) else { return false };
    let urls = url_variants(call.url);
    let mut genuine = false;
    for secret in secrets {
        for url in &urls {
            genuine |= algorithm.verify(secret, &[url.as_bytes(), &parameters], &tag);
        }
    }
    genuine
}

#[derive(Clone, Copy)]
enum Algorithm {
    HmacSha1,
    HmacSha256,
}

impl Algorithm {
    /// The algorithm that the settings header names; without one the old algorithm. `None` if we do not know it.
    fn named(settings: Option<&str>) -> Option<Self> {
        let named = settings.into_iter().flat_map(|text| text.split(',')).find_map(|part| {
            let (name, value) = part.split_once('=')?;
            (name.trim() == "algorithm" && !value.trim().is_empty())
                .then(|| value.trim().to_ascii_uppercase())
        });
        match named.as_deref() {
            None | Some("HMAC_SHA1") => Some(Self::HmacSha1),
            Some("HMAC_SHA256") => Some(Self::HmacSha256),
            Some(_) => None,
        }
    }

    fn verify(self, secret: &Secret, parts: &[&[u8]], tag: &[u8]) -> bool {
        match self {
            Self::HmacSha1 => mac_matches::<Hmac<Sha1>>(secret, parts, tag),
            Self::HmacSha256 => mac_matches::<Hmac<Sha256>>(secret, parts, tag),
        }
    }
}

fn mac_matches<M: Mac + KeyInit>(secret: &Secret, parts: &[&[u8]], tag: &[u8]) -> bool {
    // An HMAC takes keys of any length, but an empty one would make everybody a signer.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret.expose().as_bytes()) else { return false };
    for part in parts {
        mac.update(part);
    }
    !secret.expose().is_empty() && mac.verify_slice(tag).is_ok()
}

/// What is signed after the URL, or `None` if the body is not the one that the URL names.
fn signed_parameters(url: &str, body: &[u8]) -> Option<Vec<u8>> {
    if let Some(expected) = body_digest(url) {
        return (hex::encode(Sha256::digest(body)) == expected).then(Vec::new);
    }
    let mut form: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        form.entry(name).or_default().insert(value);
    }
    let mut signed = Vec::with_capacity(body.len());
    for (name, values) in &form {
        for value in values {
            signed.extend_from_slice(name.as_bytes());
            signed.extend_from_slice(value.as_bytes());
        }
    }
    Some(signed)
}

/// The `bodySHA256` of the URL's query. It is signed with the URL.
fn body_digest(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| (name == "bodySHA256").then(|| value.into_owned()))
}

/// The URL with and without a port: Twilio itself is not consistent about what it signs.
fn url_variants(url: &str) -> Vec<String> {
    let mut variants = vec![url.to_owned()];
    if let Some((scheme, rest)) = url.split_once("://") {
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let port = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        variants.push(match port {
            Some((host, _)) => format!("{scheme}://{host}{tail}"),
            None => format!("{scheme}://{authority}:{}{tail}", if scheme == "https" { 443 } else { 80 }),
        });
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_tried_with_and_without_its_port() {
        let variants = |url| url_variants(url).split_off(1);
        assert_eq!(variants("https://a.example:8443/x?u=http://b:80"), ["https://a.example/x?u=http://b:80"]);
        assert_eq!(variants("https://a.example/x:1"), ["https://a.example:443/x:1"]);
        assert_eq!(variants("http://a.example?x"), ["http://a.example:80?x"]);
    }

    #[test]
    fn a_value_that_is_given_twice_is_signed_once_and_values_are_in_order() {
        let signed = signed_parameters("https://a.example/", b"b=2&a=z&a=y&a=z").unwrap();
        assert_eq!(signed, b"ayazb2");
    }
}
