use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::stage::{ACCOUNT, AUTH_TOKEN, Call, NUMBER, Stage};

/// What Twilio's documentation says a receiver must compute.
pub(crate) fn signature(url: &str, call: &Call) -> String {
    let mut pairs = call.form();
    pairs.sort();
    let text = pairs.iter().fold(url.to_owned(), |text, (name, value)| text + name + value);
    let mut mac = Hmac::<Sha1>::new_from_slice(AUTH_TOKEN.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    BASE64.encode(mac.finalize().into_bytes())
}

fn status(name: &'static str) -> impl Fn(&Call) -> bool {
    move |call| call.field("MessageStatus") == name
}

#[tokio::test]
async fn an_accepted_message_is_answered_like_twilio_and_reported_as_sent_and_delivered() {
    let mut stage = Stage::open().await;
    let sid = stage.sms_to("+447700900123", "").await;

    let sent = stage.hooks.take(status("sent")).await;
    let delivered = stage.hooks.take(status("delivered")).await;
    for call in [&sent, &delivered] {
        assert_eq!(call.target, "/status?m=447700900123");
        assert_eq!((call.field("MessageSid"), call.field("AccountSid")), (sid.clone(), ACCOUNT.to_owned()));
        assert_eq!((call.field("To").as_str(), call.field("From").as_str()), ("+447700900123", NUMBER));
        assert_eq!(call.header("content-type"), "application/x-www-form-urlencoded; charset=UTF-8");
        let url = format!("{}{}", stage.hooks.url, call.target);
        assert_eq!(call.header("x-twilio-signature"), signature(&url, call));
    }
    assert_ne!(sent.header("i-twilio-idempotency-token"), delivered.header("i-twilio-idempotency-token"));
}

#[tokio::test]
async fn a_message_through_a_service_gets_its_number_when_it_is_sent() {
    let mut stage = Stage::open().await;
    let service = "MG0123456789abcdef0123456789abcdef";
    let callback = format!("{}/status", stage.hooks.url);
    let fields = [
        ("To", "+447700900123"),
        ("MessagingServiceSid", service),
        ("Body", "Hi"),
        ("StatusCallback", &callback),
    ];
    let (_, created) = stage.running.sms(&fields).await.unwrap();
    assert_eq!((&created["status"], &created["from"]), (&json!("accepted"), &Value::Null));
    let sent = stage.hooks.take(status("sent")).await;
    assert_eq!(sent.field("MessagingServiceSid"), service);

    let pool_number = sent.field("From");
    let (_, answer) = stage
        .running
        .inbound(&json!({"channel": "sms", "from": "+447700900123", "to": pool_number, "text": "Thanks"}))
        .await;
    assert_eq!(answer["status"], 200);
    let inbound = stage.hooks.take_path("/webhooks/twilio/demo/inbound").await;
    assert_eq!((inbound.field("MessagingServiceSid").as_str(), inbound.field("To")), (service, pool_number));
}

#[tokio::test]
async fn the_fragment_of_the_callback_url_makes_twilio_try_again_with_the_same_token() {
    let mut stage = Stage::open().await;
    stage.hooks.answer(&[503, 404, 503, 500]);
    stage.sms_to("+447700900123", "#rc=5&rp=all").await;
    let mut attempts = std::collections::BTreeSet::new();
    for _ in 0..6 {
        let call = stage.hooks.take_path("/status").await;
        assert_eq!(call.target, "/status?m=447700900123", "the fragment is Twilio's own");
        let url = format!("{}{}", stage.hooks.url, call.target);
        assert_eq!(call.header("x-twilio-signature"), signature(&url, &call));
        attempts.insert((call.header("i-twilio-idempotency-token").to_owned(), call.field("MessageStatus")));
    }
    assert_eq!(attempts.len(), 2, "one token for all attempts of a callback: {attempts:?}");
}

#[tokio::test]
async fn without_a_fragment_a_callback_that_gets_a_5xx_is_lost() {
    let mut stage = Stage::open().await;
    stage.hooks.answer(&[500, 500]);
    stage.sms_to("+447700900123", "").await;
    stage.hooks.take(status("sent")).await;
    stage.hooks.take(status("delivered")).await;
    // A message that comes later, with a retry that must be made after the time of one of the first.
    stage.hooks.answer(&[500, 500]);
    stage.sms_to("+447700900124", "#rc=1&rp=5xx").await;
    for _ in 0..2 {
        stage.hooks.take(|call| status("delivered")(call) && call.target.ends_with("124")).await;
    }
    assert_eq!(stage.hooks.left(|call| call.target.ends_with("123")), 0);
}

#[tokio::test]
async fn an_ending_decides_what_becomes_of_a_message_in_any_country() {
    let mut stage = Stage::open().await;
    let (refused, body) =
        stage.running.sms(&[("To", "+447700900001"), ("From", NUMBER), ("Body", "Hi")]).await.unwrap();
    assert_eq!((refused, &body["code"], &body["status"]), (400, &json!(21211), &json!(400)));

    stage.sms_to("+447700900002", "").await;
    stage.hooks.take(status("sent")).await;
    let failed = stage.hooks.take(status("undelivered")).await;
    assert_eq!(failed.field("ErrorCode"), "30005");

    let silent = stage.sms_to("+15005550003", "").await;
    stage.sms_to("+447700900123", "").await;
    stage.hooks.take(status("delivered")).await;
    assert_eq!(stage.hooks.left(|call| call.field("MessageSid") == silent), 0);
    assert_eq!(stage.running.ledger().await.len(), 3, "the refused one was not accepted");
}

#[tokio::test]
async fn an_answer_that_is_lost_breaks_the_connection_and_the_reports_follow() {
    let mut stage = Stage::open().await;
    let callback = format!("{}/status", stage.hooks.url);
    let fields = [("To", "+447700900005"), ("From", NUMBER), ("Body", "Hi"), ("StatusCallback", &callback)];
    let lost = stage.running.sms(&fields).await.unwrap_err();
    assert!(lost.is_request() && !lost.is_timeout() && lost.status().is_none(), "{lost:?}");
    stage.hooks.take(status("sent")).await;
    let delivered = stage.hooks.take(status("delivered")).await;
    let items = stage.running.ledger().await;
    assert_eq!(items.len(), 1, "not sent again underneath");
    assert_eq!(items[0]["provider_message_id"], delivered.field("MessageSid"));
}

#[tokio::test]
async fn a_member_who_stops_is_heard_through_the_webhook_and_then_refused_until_start() {
    let mut stage = Stage::open().await;
    stage.sms_to("+447700900004", "").await;
    stage.hooks.take(status("delivered")).await;
    let stop = stage.hooks.take_path("/webhooks/twilio/demo/inbound").await;
    let expected = ("STOP", "+447700900004", NUMBER, "received");
    let fields = ["Body", "From", "To", "SmsStatus"].map(|name| stop.field(name));
    assert_eq!((fields[0].as_str(), fields[1].as_str(), fields[2].as_str(), fields[3].as_str()), expected);
    assert!(!stop.form().iter().any(|(name, _)| name == "OptOutType"));
    let url = format!("{}{}", stage.hooks.url, stop.target);
    assert_eq!(stop.header("x-twilio-signature"), signature(&url, &stop));

    let again = [("To", "+447700900004"), ("From", NUMBER), ("Body", "Hi")];
    let (refused, body) = stage.running.sms(&again).await.unwrap();
    assert_eq!((refused, &body["code"]), (400, &json!(21610)));
    let other_sender = [("To", "+447700900004"), ("From", "+15005550007"), ("Body", "Hi")];
    assert_eq!(stage.running.sms(&other_sender).await.unwrap().0, 201, "the list is the sender's");

    let write = |text: &str| json!({"channel": "sms", "from": "+447700900004", "to": NUMBER, "text": text});
    stage.running.inbound(&write("start please")).await;
    assert_eq!(stage.running.sms(&again).await.unwrap().0, 400, "only the word alone counts");
    stage.running.inbound(&write(" Unstop ")).await;
    assert_eq!(stage.running.sms(&again).await.unwrap().0, 201);
}

#[tokio::test]
async fn a_login_that_fails_and_an_account_that_is_not_ones_own_are_told_apart() {
    let stage = Stage::open().await;
    let body = "To=%2B447700900123&From=%2B15005550006&Body=Hi";
    let post = |url: String| stage.running.http.post(url).body(body);
    let url = stage.running.messages_url();
    let elsewhere = url.replace(ACCOUNT, "ACffffffffffffffffffffffffffffffff");
    for (request, status, code) in [
        (post(url.clone()), 401, 20003),
        (post(url.clone()).basic_auth(ACCOUNT, Some("wrong")), 401, 20003),
        (post(elsewhere).basic_auth(ACCOUNT, Some(AUTH_TOKEN)), 404, 20404),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().contains_key("www-authenticate"), status == 401);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["code"], code);
    }
    assert!(stage.running.ledger().await.is_empty());
}

#[tokio::test]
async fn messages_are_found_by_sid_and_by_filters_with_the_newest_first() {
    let mut stage = Stage::open().await;
    let mut sids = Vec::new();
    for to in ["+447700900123", "+447700900124", "+447700900123", "+447700900003", "+447700900002"] {
        sids.push(stage.sms_to(to, "").await);
    }
    stage.hooks.take(status("undelivered")).await;
    let get = |path: String| {
        let request = stage.running.http.get(path).basic_auth(ACCOUNT, Some(AUTH_TOKEN));
        async move { request.send().await.unwrap().json::<Value>().await.unwrap() }
    };
    let list = stage.running.messages_url();
    let names = |list: &Value| -> Vec<String> {
        list["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["sid"].as_str().unwrap().to_owned())
            .collect()
    };

    let to = get(format!("{list}?To=%2B447700900123")).await;
    assert_eq!(names(&to), [sids[2].clone(), sids[0].clone()]);
    let page = get(format!("{list}?PageSize=2&Page=1")).await;
    assert_eq!(names(&page), [sids[2].clone(), sids[1].clone()]);
    assert!(page["next_page_uri"].as_str().unwrap().contains("Page=2"));
    let end = get(format!("{list}?PageSize=2&Page=2")).await;
    assert_eq!((names(&end).len(), &end["next_page_uri"]), (1, &Value::Null));
    assert!(names(&get(format!("{list}?DateSent%3C=2020-01-01")).await).is_empty());
    assert_eq!(names(&get(format!("{list}?DateSent%3E=2020-01-01&From=%2B15005550006")).await).len(), 5);
    assert!(names(&get(format!("{list}?From=%2B15005550007")).await).is_empty());

    let one = |sid: &str| get(list.replace("Messages.json", &format!("Messages/{sid}.json")));
    let failed = one(&sids[4]).await;
    assert_eq!((&failed["status"], &failed["error_code"]), (&json!("undelivered"), &json!(30005)));
    let silent = one(&sids[3]).await;
    assert_eq!((&silent["status"], &silent["error_code"]), (&json!("sent"), &Value::Null));
    assert_eq!(one("SM00").await["code"], 20404);
}
