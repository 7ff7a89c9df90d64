//! Whether a call comes from SNS.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use channels::http_client;
use channels::ses::CertificateCache;
use channels::ses::sns::{Envelope, Kind, SnsError, cert_url_is_allowed, confirm, subscribe_url_is_allowed};
use domain::Timestamp;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fake::Fake;
use crate::{cases, fixture, fixtures};

const TOPIC: &str = "arn:aws:sns:us-west-2:123456789012:MyTopic";

#[derive(Deserialize)]
struct Vector {
    name: String,
    message: Value,
    expect: bool,
}

fn vectors() -> Vec<Vector> {
    cases("vectors/sns_messages.json")
}

fn envelope(message: &Value) -> Envelope {
    Envelope::parse(message.to_string().as_bytes()).unwrap()
}

/// The message of the vector `name`.
fn vector(name: &str) -> Value {
    vectors().into_iter().find(|vector| vector.name == name).unwrap().message
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn published() -> Timestamp {
    time("2026-10-15T00:54:06.655Z")
}

#[test]
fn every_signature_vector_has_the_agreed_verdict() {
    let pem = fixture("vectors/sns_test_cert.pem");
    for Vector { name, message, expect } in vectors() {
        let envelope = envelope(&message);
        let verdict =
            envelope.certificate_url(None).and_then(|_| envelope.verify(pem.as_bytes(), published()));
        assert_eq!(verdict.is_ok(), expect, "{name}: {verdict:?}");
        if name.starts_with("cert-url") && !expect {
            assert_eq!(verdict, Err(SnsError::Url), "{name} is refused before anything is fetched");
        }
    }
}

#[test]
fn every_signed_field_is_covered_by_the_signature() {
    let pem = fixture("vectors/sns_test_cert.pem");
    for name in ["notification-v1", "subscription-v1", "unsubscribe-v1"] {
        let genuine = vector(name);
        for field in ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn"] {
            let mut forged = genuine.clone();
            let Some(value) = forged.get(field).and_then(Value::as_str).map(|value| format!("{value}x"))
            else {
                continue;
            };
            forged[field] = json!(value);
            let verdict = envelope(&forged).verify(pem.as_bytes(), published());
            assert_eq!(verdict, Err(SnsError::Signature), "{name} {field}");
        }
    }
}

#[test]
fn a_certificate_counts_only_while_it_is_valid_and_only_if_it_is_one() {
    let envelope = envelope(&vector("notification-v1"));
    let pem = fixture("vectors/sns_test_cert.pem");
    for now in ["2019-12-31T00:00:00Z", "2049-01-02T00:00:00Z"] {
        assert_eq!(envelope.verify(pem.as_bytes(), time(now)), Err(SnsError::Certificate));
    }
    for bad in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "<html>"] {
        assert_eq!(envelope.verify(bad.as_bytes(), published()), Err(SnsError::Certificate), "{bad}");
    }
}

#[test]
fn only_our_topic_within_an_hour_counts() {
    let envelope = envelope(&vector("notification-v1"));
    for (now, verdict) in [
        ("2026-10-15T00:54:06.655Z", Ok(())),
        ("2026-10-15T01:54:06.655Z", Ok(())),
        ("2026-10-15T01:54:06.656Z", Err(SnsError::Time)),
        ("2026-10-14T23:54:06.654Z", Err(SnsError::Time)),
    ] {
        assert_eq!(envelope.check(TOPIC, time(now)), verdict, "{now}");
    }
    assert_eq!(envelope.check(&format!("{TOPIC}2"), published()), Err(SnsError::Topic));
    assert_eq!(envelope.check("", published()), Err(SnsError::Topic));
}

#[test]
fn every_sample_of_an_envelope_is_read() {
    for (name, text) in fixtures("aws/sns") {
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        let kind = match envelope.kind {
            Kind::Notification { ref subject } => {
                assert_eq!(subject.as_deref(), Some("My First Message"));
                "notification.json"
            }
            Kind::SubscriptionConfirmation(_) => "subscription-confirmation.json",
            Kind::UnsubscribeConfirmation(_) => "unsubscribe-confirmation.json",
        };
        assert_eq!((kind, envelope.topic_arn.as_str()), (name.as_str(), TOPIC));
    }
    let mut unknown = vector("notification-v1");
    unknown["Type"] = json!("Something");
    assert_eq!(Envelope::parse(unknown.to_string().as_bytes()), Err(SnsError::Malformed));
    let mut halved = vector("subscription-v1");
    halved.as_object_mut().unwrap().remove("Token");
    assert_eq!(Envelope::parse(halved.to_string().as_bytes()), Err(SnsError::Malformed));
}

#[test]
fn only_urls_of_sns_are_fetched() {
    for good in [
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.cn-north-1.amazonaws.com.cn/a/b.pem",
        "https://sns.us-gov-west-1.amazonaws.com/x.pem",
    ] {
        assert!(cert_url_is_allowed(good, None), "{good}");
    }
    for bad in [
        "http://sns.us-west-2.amazonaws.com/x.pem",
        "https://sns.us-west-2.amazonaws.com:443/x.pem",
        "https://sns.us-west-2.amazonaws.com:8443/x.pem",
        "https://user@sns.us-west-2.amazonaws.com/x.pem",
        "https://sns.us-west-2.amazonaws.com.evil.com/x.pem",
        "https://evil.com\\@sns.us-west-2.amazonaws.com/x.pem",
        "https://evil.com/sns.us-west-2.amazonaws.com/x.pem",
        "https://sns.amazonaws.com/x.pem",
        "https://sns.us.west.amazonaws.com/x.pem",
        "https://sns..amazonaws.com/x.pem",
        "https://sns.us-west-2.amazonaws.com/x.pem?y",
        "https://sns.us-west-2.amazonaws.com/?x.pem",
        "https://sns.us-west-2.amazonaws.com/#x.pem",
        "https://sns.us-west-2.amazonaws.com/x.crt",
        "https://sns.us-west-2.amazonaws.com",
        " https://sns.us-west-2.amazonaws.com/x.pem",
        "https://sns.us-west-2.amazonaws.com/\n.pem",
        "http://127.0.0.1:3000/sns.pem",
        "",
        // Other spellings of a host, of which clients make one thing or another.
        "https://SNS.US-WEST-2.AMAZONAWS.COM/x.pem",
        "https://sns.us-west-2.amazonaws.com./x.pem",
        "https://sns%2eus-west-2%2eamazonaws%2ecom/x.pem",
        "https://sns.us-west-2.amazonaws.com%2f@evil.com/x.pem",
        "https://sns.us-west-2.amazonaws.com%00.evil.com/x.pem",
        "https://sns.us-west-2\u{3002}amazonaws\u{3002}com/x.pem",
        "https://\u{ff53}ns.us-west-2.amazonaws.com/x.pem",
        "https:///sns.us-west-2.amazonaws.com/x.pem",
        "https:sns.us-west-2.amazonaws.com/x.pem",
        "HTTPS://sns.us-west-2.amazonaws.com/x.pem",
        // Names that only look like Amazon's.
        "https://sns.us-west-2.amazonaws.com.cn.evil.com/x.pem",
        "https://sns.us-west-2.amazonaws.com.com/x.pem",
        "https://sns.us-west-2.amazonaws.co/x.pem",
        "https://sns.us-west-2.notamazonaws.com/x.pem",
        "https://sns.us-west-2.amazonaws.com-evil.com/x.pem",
        "https://evilsns.us-west-2.amazonaws.com/x.pem",
        "https://x.sns.us-west-2.amazonaws.com/x.pem",
        "https://sns.evil.com#.amazonaws.com/x.pem",
        "https://sns.evil.com?.amazonaws.com/x.pem",
        "https://bucket.s3.amazonaws.com/x.pem",
        "https://sns.us-west-2.amazonaws.com@evil.com/x.pem",
        "https://sns.us-west-2.amazonaws.com:443@evil.com/x.pem",
        "https://user:secret@sns.us-west-2.amazonaws.com/x.pem",
        // Addresses.
        "https://[::1]/x.pem",
        "https://[::ffff:169.254.169.254]/x.pem",
        "https://169.254.169.254/x.pem",
        "https://2852039166/x.pem",
        "https://0xa9fea9fe/x.pem",
        "https://localhost/x.pem",
        // Other schemes.
        "ftp://sns.us-west-2.amazonaws.com/x.pem",
        "file:///etc/ssl/x.pem",
        "//sns.us-west-2.amazonaws.com/x.pem",
        "javascript:https://sns.us-west-2.amazonaws.com/x.pem",
    ] {
        assert!(!cert_url_is_allowed(bad, None), "{bad}");
        assert!(
            !subscribe_url_is_allowed(bad, None) || bad.contains("//sns.us-west-2.amazonaws.com/"),
            "{bad}"
        );
    }
    let subscribe = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37";
    assert!(subscribe_url_is_allowed(subscribe, None) && !cert_url_is_allowed(subscribe, None));
    assert!(!subscribe_url_is_allowed("https://evil.com/?Action=ConfirmSubscription", None));
}

#[test]
fn the_local_twin_is_allowed_only_where_it_is_named() {
    let local = Some("127.0.0.1:3000");
    assert!(cert_url_is_allowed("http://127.0.0.1:3000/sns.pem", local));
    assert!(cert_url_is_allowed("https://sns.us-west-2.amazonaws.com/x.pem", local));
    for bad in [
        "http://127.0.0.1:30000/sns.pem",
        "http://127.0.0.1:3000@evil.com/sns.pem",
        "http://evil.com/sns.pem",
    ] {
        assert!(!cert_url_is_allowed(bad, local), "{bad}");
    }
    assert!(!cert_url_is_allowed("http:///sns.pem", Some("")));
}

/// A twin of SNS: signs with the newer algorithm and shows its certificate.
struct Twin {
    key: RsaKeyPair,
    pem: String,
}

impl Twin {
    fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let pem = CertificateParams::default().self_signed(&key).unwrap().pem();
        Self { key: RsaKeyPair::from_pkcs8(&key.serialize_der()).unwrap(), pem }
    }

    fn sign(&self, message: &mut Value, string_to_sign: &str) {
        let encoding: &dyn RsaEncoding = &RSA_PKCS1_SHA256;
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(encoding, &SystemRandom::new(), string_to_sign.as_bytes(), &mut signature).unwrap();
        message["SignatureVersion"] = json!("2");
        message["Signature"] = json!(STANDARD.encode(signature));
    }

    fn notification(&self, cert_url: &str) -> Value {
        let mut message = json!({
            "Type": "Notification", "MessageId": "id", "TopicArn": TOPIC, "Message": "{\"é\":1}",
            "Timestamp": "2026-10-15T00:54:06.655Z", "SigningCertURL": cert_url,
        });
        let string = format!(
            "Message\n{{\"é\":1}}\nMessageId\nid\nTimestamp\n2026-10-15T00:54:06.655Z\nTopicArn\n{TOPIC}\nType\nNotification\n"
        );
        self.sign(&mut message, &string);
        message
    }
}

#[tokio::test]
async fn version_2_is_verified_with_a_certificate_that_is_fetched_once() {
    let twin = Twin::new();
    let server = Fake::answering(200, &[], &twin.pem).await;
    let host = server.url.strip_prefix("http://").unwrap();
    let message = twin.notification(&format!("{}/sns.pem", server.url));
    let cache = CertificateCache::new(http_client().unwrap(), Some(host.to_owned()));
    for _ in 0..3 {
        assert_eq!(cache.verify(&envelope(&message), published()).await, Ok(()));
    }
    assert_eq!(server.requests(), 1);
    let mut downgraded = message.clone();
    downgraded["SignatureVersion"] = json!("1");
    assert_eq!(cache.verify(&envelope(&downgraded), published()).await, Err(SnsError::Signature));
    let strict = CertificateCache::new(http_client().unwrap(), None);
    assert_eq!(strict.verify(&envelope(&message), published()).await, Err(SnsError::Url));
    assert_eq!(server.requests(), 1, "a URL that is not allowed is not fetched");
}

#[tokio::test]
async fn a_certificate_that_is_too_large_or_missing_verifies_nothing() {
    let twin = Twin::new();
    // What SNS does not have was not named by SNS; what cannot be had for now says nothing about the message.
    for (status, body, expected) in [
        (200, "x".repeat(1_000_000), SnsError::Certificate),
        (404, twin.pem.clone(), SnsError::Url),
        (302, twin.pem.clone(), SnsError::Unavailable),
        (503, twin.pem.clone(), SnsError::Unavailable),
    ] {
        let server = Fake::answering(status, &[], &body).await;
        let host = server.url.strip_prefix("http://").unwrap().to_owned();
        let message = twin.notification(&format!("{}/sns.pem", server.url));
        let cache = CertificateCache::new(http_client().unwrap(), Some(host));
        let verdict = cache.verify(&envelope(&message), published()).await;
        assert_eq!(verdict, Err(expected), "{status}");
    }
}

#[tokio::test]
async fn a_host_of_sns_that_sends_us_elsewhere_is_not_followed() {
    let twin = Twin::new();
    let elsewhere = Fake::answering(200, &[], &twin.pem).await;
    for status in [301, 302, 303, 307, 308] {
        let server = Fake::answering(status, &[("location", &elsewhere.url)], "").await;
        let host = server.url.strip_prefix("http://").unwrap().to_owned();
        let message = twin.notification(&format!("{}/sns.pem", server.url));
        let cache = CertificateCache::new(http_client().unwrap(), Some(host.clone()));
        assert_eq!(
            cache.verify(&envelope(&message), published()).await,
            Err(SnsError::Unavailable),
            "{status}"
        );
        let mut message = vector("subscription-v1");
        message["SubscribeURL"] = json!(format!("{}/?Action=ConfirmSubscription", server.url));
        let Kind::SubscriptionConfirmation(confirmation) = envelope(&message).kind else {
            panic!("a subscription")
        };
        let confirmed = confirm(&http_client().unwrap(), &confirmation, Some(&host)).await;
        assert_eq!(confirmed, Err(SnsError::Confirmation), "{status}");
    }
    assert_eq!(elsewhere.requests(), 0);
}

#[tokio::test]
async fn a_subscription_is_confirmed_at_its_url() {
    let server = Fake::answering(200, &[], "<ConfirmSubscriptionResponse/>").await;
    let host = server.url.strip_prefix("http://").unwrap();
    let mut message = vector("subscription-v1");
    message["SubscribeURL"] = json!(format!("{}/?Action=ConfirmSubscription&Token=t", server.url));
    let Kind::SubscriptionConfirmation(confirmation) = envelope(&message).kind else {
        panic!("a subscription")
    };
    assert_eq!(confirm(&http_client().unwrap(), &confirmation, None).await, Err(SnsError::Url));
    assert_eq!(confirm(&http_client().unwrap(), &confirmation, Some(host)).await, Ok(()));
    assert_eq!(server.only_request().line, "GET /?Action=ConfirmSubscription&Token=t");
    let refusing = Fake::answering(403, &[], "").await;
    message["SubscribeURL"] = json!(format!("{}/", refusing.url));
    let Kind::SubscriptionConfirmation(confirmation) = envelope(&message).kind else {
        panic!("a subscription")
    };
    let host = refusing.url.strip_prefix("http://");
    assert_eq!(confirm(&http_client().unwrap(), &confirmation, host).await, Err(SnsError::Confirmation));
}
