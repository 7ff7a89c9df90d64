//! Sending through SES, with the SDK's own client.

use aws_sdk_ses::config::timeout::TimeoutConfig;
use aws_sdk_ses::config::{BehaviorVersion, Credentials, Region};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use channels::ses::{SesConfig, SesSender, client_config};
use channels::{Outcome, Sender};
use domain::content::Rendered;

use crate::fake::{Fake, PATIENCE, Seen, nobody};
use crate::{Letter, MESSAGE_ID, assert_unknown_and_made_once, brief, fixture, problem};

const SES_ID: &str = "0100019a0f2e7c3d-5b1c7c1e-3a0b-4a57-9b1e-0d2f4a6c8e10-000000";

fn config(url: &str) -> aws_sdk_ses::config::Builder {
    let builder = aws_sdk_ses::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url);
    let patience = TimeoutConfig::builder().operation_timeout(PATIENCE).build();
    client_config(builder).timeout_config(patience)
}

fn sender_with(config: aws_sdk_ses::config::Builder, from: &str) -> SesSender {
    let ses_config = SesConfig {
        from: from.parse().unwrap(),
        reply_to: Some("office@example.com".parse().unwrap()),
        configuration_set: Some("bulk".into()),
    };
    SesSender::new(aws_sdk_ses::Client::from_conf(config.build()), ses_config)
}

fn sender(url: &str) -> SesSender {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    sender_with(config(url).credentials_provider(credentials), "news@example.com")
}

fn mail(subject: &str, text: &str, html: Option<&str>) -> Letter {
    let content =
        Rendered::Email { subject: subject.into(), text: text.into(), html: html.map(str::to_owned) };
    let mut letter = Letter::new("to@example.com", content);
    letter.unsubscribe_url = Some("https://t.example.com/unsubscribe/abc".into());
    letter
}

async fn send(url: &str) -> Outcome {
    sender(url).send(&mail("Hi", "Hi", None).outgoing()).await
}

async fn send_to_one_that_answers(status: u16, body: &str) -> Outcome {
    let ses = Fake::answering(status, &[("content-type", "text/xml")], body).await;
    let outcome = send(&ses.url).await;
    assert_eq!(ses.requests(), 1, "never tried again by the SDK");
    outcome
}

async fn request(from: &str, letter: &Letter) -> Seen {
    let ses = Fake::answering(200, &[], &fixture("aws/samples/sendrawemail.response.xml")).await;
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let sender = sender_with(config(&ses.url).credentials_provider(credentials), from);
    let outcome = sender.send(&letter.outgoing()).await;
    assert_eq!(outcome, Outcome::Accepted { provider_message_id: SES_ID.into(), segments: None });
    ses.only_request()
}

/// The mail in a request: its headers, unfolded, and its body.
fn message(seen: &Seen) -> (Vec<String>, String) {
    let raw = STANDARD.decode(seen.field("RawMessage.Data").unwrap()).unwrap();
    let raw = String::from_utf8(raw).unwrap();
    assert!(!raw.replace("\r\n", "").contains(['\r', '\n']), "lines end in CRLF");
    let (head, body) = raw.split_once("\r\n\r\n").unwrap();
    (
        head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n").map(str::to_owned).collect(),
        body.to_owned(),
    )
}

fn header<'a>(headers: &'a [String], name: &str) -> Vec<&'a str> {
    headers.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

#[tokio::test]
async fn the_request_is_the_one_that_amazon_documents() {
    let seen = request("St. Örs <news@example.com>", &mail("Hi", "Hi", None)).await;
    assert_eq!(seen.line, "POST /");
    let sample = fixture("aws/samples/sendrawemail.request.form");
    let mut names: Vec<_> =
        form_urlencoded::parse(sample.as_bytes()).map(|(name, _)| name.into_owned()).collect();
    names.extend(["Tags.member.2.Name".into(), "Tags.member.2.Value".into()]);
    names.sort();
    let mut sent: Vec<_> = seen.form().into_iter().map(|(name, _)| name).collect();
    sent.sort();
    assert_eq!(sent, names);
    for (name, value) in [
        ("Action", "SendRawEmail"),
        ("Source", "news@example.com"),
        ("Destinations.member.1", "to@example.com"),
        ("ConfigurationSetName", "bulk"),
        ("Tags.member.1.Name", "message_id"),
        ("Tags.member.1.Value", MESSAGE_ID),
        ("Tags.member.2.Name", "org_id"),
        ("Tags.member.2.Value", "st-ors"),
    ] {
        assert_eq!(seen.field(name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_mail_has_each_header_once_and_no_other_recipient() {
    let (headers, body) = message(&request("News <news@example.com>", &mail("Hi", "Hi\nthere", None)).await);
    for (name, value) in [
        ("From", "\"News\" <news@example.com>"),
        ("To", "<to@example.com>"),
        ("Reply-To", "<office@example.com>"),
        ("Subject", "Hi"),
        ("List-Unsubscribe", "<https://t.example.com/unsubscribe/abc>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("MIME-Version", "1.0"),
        ("Message-ID", "<msg_01JD0000000000000000000000-7-99@example.com>"),
        ("Content-Type", "text/plain; charset=\"utf-8\""),
    ] {
        assert_eq!(header(&headers, name), [value], "{name}");
    }
    assert!(header(&headers, "Bcc").is_empty() && header(&headers, "Cc").is_empty());
    assert_eq!(body.trim_end(), "Hi\r\nthere");
}

#[tokio::test]
async fn text_beyond_ascii_is_encoded_everywhere() {
    let letter = mail("Café — 10:00", "Grüße,\nJörg", Some("<p>Grüße,\r\nJörg</p>"));
    let (headers, body) = message(&request("Pfarre Ørs <news@example.com>", &letter).await);
    assert!(headers.iter().all(|line| line.is_ascii()) && body.is_ascii());
    assert!(header(&headers, "Subject")[0].starts_with("=?utf-8?"));
    assert!(header(&headers, "From")[0].starts_with("=?utf-8?"));
    assert!(header(&headers, "From")[0].ends_with("?= <news@example.com>"));
    let content_type = header(&headers, "Content-Type")[0];
    let boundary = content_type.split_once("boundary=\"").unwrap().1.trim_end_matches('"');
    assert!(content_type.starts_with("multipart/alternative;"));
    let parts: Vec<_> = body.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 4, "before, text, html, after");
    for (part, kind, text) in
        [(parts[1], "text/plain", "Grüße,\r\nJörg"), (parts[2], "text/html", "<p>Grüße,\r\nJörg</p>")]
    {
        let (head, content) = part.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Type: {kind}; charset=\"utf-8\"")), "{head}");
        assert_eq!(decoded(head, content), text);
    }
}

/// A part's content without its transfer encoding.
fn decoded(head: &str, content: &str) -> String {
    if head.contains("base64") {
        return String::from_utf8(STANDARD.decode(content.replace("\r\n", "")).unwrap()).unwrap();
    }
    assert!(head.contains("quoted-printable"), "{head}");
    let joined = content.trim_end().replace("=\r\n", "");
    let mut pieces = joined.split('=');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.extend(hex::decode(&piece[..2]).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_subject_cannot_become_another_header() {
    let letter = mail("Hi\r\nBcc: all@example.org\n\nbody\0", "Hi", None);
    let (headers, body) = message(&request("news@example.com", &letter).await);
    assert!(header(&headers, "Bcc").is_empty());
    assert_eq!(header(&headers, "Subject").len(), 1);
    assert_eq!(body.trim_end(), "Hi");
}

#[tokio::test]
async fn a_mail_without_a_link_has_no_unsubscribe_headers() {
    let mut letter = mail("Hi", "Hi", None);
    letter.unsubscribe_url = None;
    let (headers, _) = message(&request("news@example.com", &letter).await);
    assert!(headers.iter().all(|line| !line.starts_with("List-")));
}

#[tokio::test]
async fn what_no_mail_can_carry_is_refused_before_it_is_sent() {
    let ses = sender("http://unused");
    let mut letter = mail("Hi", "Hi", None);
    for bad in
        ["a@example.com\r\nBcc: b@example.org", "a@example.com>, <b@example.org", "jörg@example.com", ""]
    {
        letter.to = domain::member::Address::stored(bad.into());
        assert_eq!(brief(&ses.send(&letter.outgoing()).await), "invalid_email", "{bad:?}");
    }
    letter = mail("Hi", "Hi", None);
    for bad in ["https://t.example.com/\r\nBcc: b@example.org", "https://t.example.com/>", "javascript:x"] {
        letter.unsubscribe_url = Some(bad.into());
        assert_eq!(brief(&ses.send(&letter.outgoing()).await), "internal_error", "{bad:?}");
    }
    let sms = Letter::new("to@example.com", Rendered::Text("Hi".into()));
    assert_eq!(brief(&ses.send(&sms.outgoing()).await), "internal_error");
}

#[tokio::test]
async fn each_refusal_says_what_is_to_be_done() {
    let samples = [
        ("account-paused", "AccountSendingPausedException", "sender: suspended"),
        ("configset-missing", "ConfigurationSetDoesNotExist", "sender: configuration"),
        ("invalid-parameter", "InvalidParameterValue", "invalid_email"),
        ("message-rejected", "MessageRejected", "sender: configuration"),
        ("throttling-daily", "Throttling", "slow down after 3600"),
        ("throttling-rate", "Throttling", "slow down"),
    ];
    for (sample, code, expected) in samples {
        let outcome =
            send_to_one_that_answers(400, &fixture(&format!("aws/samples/error.{sample}.http400.xml"))).await;
        assert_eq!(brief(&outcome), expected, "{sample}");
        let problem = problem(&outcome).unwrap();
        assert_eq!(problem.code.as_deref(), Some(code));
        assert!(!problem.text.contains("news@"), "{}", problem.text);
    }
}

#[tokio::test]
async fn what_has_no_sample_is_judged_by_its_code_and_else_by_its_status() {
    let error = |code: &str, message: &str| {
        fixture("aws/samples/error.throttling-rate.http400.xml")
            .replace("Throttling", code)
            .replace("Maximum sending rate exceeded.", message)
    };
    let cases = [
        (400, error("MessageRejected", "Address blacklisted."), "provider_rejected"),
        (400, error("MailFromDomainNotVerifiedException", "x"), "sender: configuration"),
        (403, error("InvalidClientTokenId", "x"), "sender: credentials"),
        (403, error("SignatureDoesNotMatch", "x"), "sender: credentials"),
        (400, error("RequestExpired", "x"), "sender: credentials"),
        (503, error("ServiceUnavailable", "x"), "unknown"),
        (500, error("InternalFailure", "x"), "unknown"),
        (400, error("SomethingNew", "x"), "provider_rejected"),
        (500, String::new(), "unknown"),
        (200, "no xml".into(), "unknown"),
        (200, String::new(), "unknown"),
    ];
    for (status, body, expected) in cases {
        assert_eq!(brief(&send_to_one_that_answers(status, &body).await), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn a_request_that_may_have_arrived_is_unknown_and_is_made_once() {
    assert_unknown_and_made_once(async |url| send(url).await).await;
}

#[tokio::test]
async fn a_request_that_reached_nobody_may_be_tried_again() {
    assert_eq!(brief(&send(&nobody().await).await), "retry");
}

#[tokio::test]
async fn a_request_without_credentials_was_not_sent() {
    let ses = Fake::answering(200, &[], "").await;
    let outcome =
        sender_with(config(&ses.url), "news@example.com").send(&mail("Hi", "Hi", None).outgoing()).await;
    assert_eq!((brief(&outcome).as_str(), ses.requests()), ("retry", 0));
}
