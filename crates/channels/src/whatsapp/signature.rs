//! Whether a call comes from Meta: `X-Hub-Signature-256`
//! (<https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/create-webhook-endpoint>).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Secret;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "x-hub-signature-256";

/// Whether `header` is `sha256=` and the HMAC of the raw body under the app's secret. Takes the same time whatever is wrong with it.
///
/// The prefix is required; either case of the hex digits is taken.
#[must_use]
pub fn verify(app_secret: &Secret, raw_body: &[u8], header: Option<&str>) -> bool {
    let Some(digits) = header.and_then(|header| header.strip_prefix("sha256=")) else { return false };
    let Ok(tag) = hex::decode(digits) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(app_secret.expose().as_bytes()) else { return false };
    mac.update(raw_body);
    // An empty secret would make everybody a signer.
    !app_secret.expose().is_empty() && mac.verify_slice(&tag).is_ok()
}
