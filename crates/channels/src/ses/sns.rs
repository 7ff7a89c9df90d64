//! Whether a call comes from Amazon SNS, and from our topic
//! (<https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>).
//!
//! The strict reading of Amazon's text: the certificate's URL is checked before it is fetched (host and *path*, so that a `.pem` in the
//! query does not pass), both signature versions and all three message types are verified, and a message older than an hour is a
//! replay.

use std::time::Duration;

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use serde::Deserialize;
use thiserror::Error;
use x509_parser::pem::parse_x509_pem;
use x509_parser::time::ASN1Time;

/// How far a message's time may be from ours, either way.
const MAX_AGE: Duration = Duration::from_hours(1);

/// Why a call is not taken for one from our topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SnsError {
    /// The body is no SNS message.
    #[error("the body is not an SNS message")]
    Malformed,
    /// It comes from a topic that is not ours.
    #[error("the message is from another topic")]
    Topic,
    /// It is too old, or from the future.
    #[error("the message's time is more than an hour away")]
    Time,
    /// The certificate or the confirmation is not on a host of SNS.
    #[error("the URL is not one of SNS")]
    Url,
    /// The certificate could not be fetched, is none, or is not valid now.
    #[error("the signing certificate cannot be used")]
    Certificate,
    /// The signature's version is neither 1 nor 2.
    #[error("the signature's version is not known")]
    Version,
    /// Somebody else wrote it.
    #[error("the signature does not match")]
    Signature,
    /// The certificate could not be fetched for now: that says nothing about the message.
    #[error("the certificate could not be fetched")]
    Unavailable,
    /// SNS did not take the confirmation.
    #[error("the subscription could not be confirmed")]
    Confirmation,
}

/// An SNS message as it is posted to us.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What the message is for.
    pub kind: Kind,
    /// SNS's id of the message, the same each time it is delivered to us.
    pub message_id: String,
    /// The topic that it was published to.
    pub topic_arn: String,
    /// What was published: for our topic, an SES event.
    pub message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    signing_cert_url: String,
}

/// What an SNS message is for.
#[derive(Clone, PartialEq, Eq)]
pub enum Kind {
    /// Something was published.
    Notification {
        /// Its subject, if it was given one.
        subject: Option<String>,
    },
    /// Our endpoint was subscribed and must confirm it by getting the URL.
    SubscriptionConfirmation(Confirmation),
    /// Our endpoint was unsubscribed. Getting the URL would undo that.
    UnsubscribeConfirmation(Confirmation),
}

/// How a subscription is confirmed.
#[derive(Clone, PartialEq, Eq)]
pub struct Confirmation {
    token: String,
    subscribe_url: String,
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope")
            .field("type", &self.kind.as_str())
            .field("message_id", &self.message_id)
            .field("topic_arn", &self.topic_arn)
            .finish_non_exhaustive()
    }
}

impl Kind {
    /// SNS's name of the type.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Notification { .. } => "Notification",
            Self::SubscriptionConfirmation(_) => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation(_) => "UnsubscribeConfirmation",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    r#type: String,
    message_id: String,
    topic_arn: String,
    subject: Option<String>,
    message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
}

impl Envelope {
    /// Reads the body of a call. Nothing in it is to be believed before [`Self::check`] and [`Self::verify`].
    ///
    /// # Errors
    /// [`SnsError::Malformed`].
    pub fn parse(raw: &[u8]) -> Result<Self, SnsError> {
        let raw: Raw = serde_json::from_slice(raw).map_err(|_| SnsError::Malformed)?;
        let confirmation = raw.token.zip(raw.subscribe_url);
        let confirmation = confirmation.map(|(token, subscribe_url)| Confirmation { token, subscribe_url });
        let kind = match (raw.r#type.as_str(), confirmation) {
            ("Notification", _) => Kind::Notification { subject: raw.subject },
            ("SubscriptionConfirmation", Some(confirmation)) => Kind::SubscriptionConfirmation(confirmation),
            ("UnsubscribeConfirmation", Some(confirmation)) => Kind::UnsubscribeConfirmation(confirmation),
            _ => return Err(SnsError::Malformed),
        };
        Ok(Self {
            kind,
            message_id: raw.message_id,
            topic_arn: raw.topic_arn,
            message: raw.message,
            timestamp: raw.timestamp,
            signature_version: raw.signature_version,
            signature: raw.signature,
            signing_cert_url: raw.signing_cert_url,
        })
    }

    /// Where the certificate is, if that is a place of SNS. `allowed_local_host` as for [`cert_url_is_allowed`].
    ///
    /// # Errors
    /// [`SnsError::Url`].
    pub fn certificate_url(&self, allowed_local_host: Option<&str>) -> Result<&str, SnsError> {
        let url = self.signing_cert_url.as_str();
        if cert_url_is_allowed(url, allowed_local_host) { Ok(url) } else { Err(SnsError::Url) }
    }

    /// Whether the message is from the topic `topic_arn` and its time within an hour of `now`. Cheap, so it comes first.
    ///
    /// # Errors
    /// [`SnsError::Topic`] or [`SnsError::Time`].
    pub fn check(&self, topic_arn: &str, now: Timestamp) -> Result<(), SnsError> {
        if self.topic_arn != topic_arn {
            return Err(SnsError::Topic);
        }
        let at: Timestamp = self.timestamp.parse().map_err(|_| SnsError::Time)?;
        if now.apart(at) > MAX_AGE { Err(SnsError::Time) } else { Ok(()) }
    }

    /// Whether the key of the certificate `pem`, valid at `now`, signed the message.
    ///
    /// # Errors
    /// [`SnsError::Version`], [`SnsError::Certificate`] or [`SnsError::Signature`].
    pub fn verify(&self, pem: &[u8], now: Timestamp) -> Result<(), SnsError> {
        let algorithm: &RsaParameters = match self.signature_version.as_str() {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(SnsError::Version),
        };
        let key = public_key(pem, now)?;
        let signature = STANDARD.decode(&self.signature).map_err(|_| SnsError::Signature)?;
        UnparsedPublicKey::new(algorithm, key)
            .verify(self.string_to_sign().as_bytes(), &signature)
            .map_err(|_| SnsError::Signature)
    }

    /// Names and values of the signed fields, one a line, in the byte order of the names.
    fn string_to_sign(&self) -> String {
        let mut lines = vec![("Message", self.message.as_str()), ("MessageId", &self.message_id)];
        match &self.kind {
            Kind::Notification { subject: Some(subject) } => lines.push(("Subject", subject)),
            Kind::Notification { subject: None } => {}
            Kind::SubscriptionConfirmation(confirmation) | Kind::UnsubscribeConfirmation(confirmation) => {
                lines.push(("SubscribeURL", &confirmation.subscribe_url));
                lines.push(("Token", &confirmation.token));
            }
        }
        lines.extend([
            ("Timestamp", self.timestamp.as_str()),
            ("TopicArn", &self.topic_arn),
            ("Type", self.kind.as_str()),
        ]);
        lines.sort_by_key(|(name, _)| *name);
        lines.iter().flat_map(|(name, value)| [name, "\n", value, "\n"]).collect()
    }
}

/// The RSA key (DER, PKCS#1) of a certificate.
fn public_key(pem: &[u8], now: Timestamp) -> Result<Vec<u8>, SnsError> {
    let (_, pem) = parse_x509_pem(pem).map_err(|_| SnsError::Certificate)?;
    let certificate = pem.parse_x509().map_err(|_| SnsError::Certificate)?;
    let now = ASN1Time::from_timestamp(now.secs()).map_err(|_| SnsError::Certificate)?;
    if !certificate.validity().is_valid_at(now) {
        return Err(SnsError::Certificate);
    }
    Ok(certificate.public_key().subject_public_key.data.to_vec())
}

/// Confirms the subscription of our endpoint, which has been verified, by getting its URL. Only that of a
/// `SubscriptionConfirmation`: an `UnsubscribeConfirmation` was somebody's wish. Confirming twice is harmless.
///
/// # Errors
/// [`SnsError::Url`], or [`SnsError::Confirmation`] if SNS does not answer with success.
pub async fn confirm(
    http: &reqwest::Client,
    confirmation: &Confirmation,
    allowed_local_host: Option<&str>,
) -> Result<(), SnsError> {
    if !subscribe_url_is_allowed(&confirmation.subscribe_url, allowed_local_host) {
        return Err(SnsError::Url);
    }
    let answer = http.get(&confirmation.subscribe_url).send().await.map_err(|_| SnsError::Confirmation)?;
    if answer.status().is_success() { Ok(()) } else { Err(SnsError::Confirmation) }
}

/// Whether a certificate may be fetched from `url`: HTTPS, a host of SNS without user or port, a path that ends in `.pem`, no query.
///
/// `allowed_local_host` (`127.0.0.1:3000`) is for the local stack alone: over plain HTTP, the certificate of its own twin.
pub fn cert_url_is_allowed(url: &str, allowed_local_host: Option<&str>) -> bool {
    path_on_sns(url, allowed_local_host).is_some_and(|path| {
        !path.contains(['?', '#']) && path.rsplit_once('.').is_some_and(|(_, end)| end == "pem")
    })
}

/// Whether a subscription may be confirmed at `url`: HTTPS and a host of SNS, or the local twin.
pub fn subscribe_url_is_allowed(url: &str, allowed_local_host: Option<&str>) -> bool {
    path_on_sns(url, allowed_local_host).is_some()
}

/// What follows the host, if that is one of SNS. The host is compared as it is written, so that no two readings of the URL (user info,
/// ports, backslashes, white space) can differ about it.
fn path_on_sns<'a>(url: &'a str, allowed_local_host: Option<&str>) -> Option<&'a str> {
    if !url.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return None;
    }
    if let (Some(local), Some(rest)) = (allowed_local_host, url.strip_prefix("http://")) {
        return rest.strip_prefix(local).filter(|path| !local.is_empty() && path.starts_with('/'));
    }
    let rest = url.strip_prefix("https://")?;
    let (host, path) = rest.split_at(rest.find('/')?);
    is_sns_host(host).then_some(path)
}

/// `^sns\.[a-zA-Z0-9-]{3,}\.amazonaws\.com(\.cn)?$`
fn is_sns_host(host: &str) -> bool {
    let region = host
        .strip_suffix(".cn")
        .unwrap_or(host)
        .strip_suffix(".amazonaws.com")
        .and_then(|host| host.strip_prefix("sns."));
    region.is_some_and(|region| {
        region.len() >= 3 && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}
