use super::*;
use serde_json::json;

const NOW: i64 = 1_764_000_000;

fn put(known: Option<&ChannelSettings>, channel: Channel, body: &Value) -> Result<ChannelSettings, Problem> {
    ChannelChange::read(body, channel)?.apply(known.cloned(), Timestamp::from_secs(NOW))
}

fn errors(result: Result<ChannelSettings, Problem>) -> Vec<(String, String)> {
    result.unwrap_err().errors.into_iter().map(|error| (error.field, error.code)).collect()
}

fn sms() -> ChannelSettings {
    put(None, Channel::Sms, &json!({"sender": "+15005550006", "secret_ref": "twilio"})).unwrap()
}

#[test]
fn a_new_channel_has_its_providers_defaults() {
    let view = serde_json::to_value(ChannelView::from(&sms())).unwrap();
    let expected = json!({
        "channel": "sms", "provider": "twilio", "sender": "+15005550006", "rate_per_second": 1, "per_day": null,
        "reply_to": null, "receipt_window_s": 86400, "keyword_replies": "provider", "secret_ref": "twilio",
        "status": "active", "status_reason": null
    });
    assert_eq!(view, expected);
    assert_eq!(put(Some(&sms()), Channel::Sms, &view).unwrap(), sms(), "what a GET answers can be PUT");
    let email = put(None, Channel::Email, &json!({"sender": "a@example.org"})).unwrap();
    assert_eq!((email.rate_per_second, email.secret_ref), (Rate::per_second(14), None));
}

#[test]
fn a_new_channel_needs_a_sender_and_where_the_provider_asks_for_it_a_secret() {
    let required = |field: &str| (field.to_owned(), "required".to_owned());
    assert_eq!(errors(put(None, Channel::Sms, &json!({}))), [required("sender"), required("secret_ref")]);
    assert_eq!(
        errors(put(None, Channel::WhatsApp, &json!({"sender": "12345678"}))),
        [required("secret_ref")]
    );
    assert_eq!(errors(put(None, Channel::Email, &json!({}))), [required("sender")]);
}

#[test]
fn a_field_that_is_left_out_keeps_its_value_and_null_takes_it_away() {
    let limited = put(Some(&sms()), Channel::Sms, &json!({"per_day": 9, "rate_per_second": 0.5})).unwrap();
    assert_eq!((limited.per_day, limited.sender.as_str()), (Some(9), "+15005550006"));
    assert_eq!(ChannelView::from(&limited).rate_per_second, Number::from_f64(0.5).unwrap());
    let cleared = put(Some(&limited), Channel::Sms, &json!({"per_day": null, "secret_ref": null})).unwrap();
    assert_eq!((cleared.per_day, cleared.secret_ref.as_deref()), (None, Some("twilio")));
}

#[test]
fn a_person_may_pause_and_resume() {
    let paused =
        put(Some(&sms()), Channel::Sms, &json!({"status": "paused", "status_reason": "holiday"})).unwrap();
    assert_eq!((paused.held, paused.status_at), (true, Some(Timestamp::from_secs(NOW))));
    assert_eq!(paused.status_reason.as_deref(), Some("holiday"));
    let resumed = put(Some(&paused), Channel::Sms, &json!({"status": "active"})).unwrap();
    assert_eq!((resumed.held, resumed.status_reason), (false, None));
}

#[test]
fn a_pause_by_the_provider_that_is_sent_back_stays_the_providers() {
    let refused =
        ChannelSettings { status: ChannelStatus::Paused, status_at: Some(Timestamp::from_secs(1)), ..sms() };
    let again = put(Some(&refused), Channel::Sms, &json!({"status": "paused", "per_day": 5})).unwrap();
    assert_eq!((again.held, again.status_at), (false, Some(Timestamp::from_secs(1))));
}

#[test]
fn everything_that_does_not_fit_is_reported() {
    let body = json!({
        "channel": "email", "provider": "ses", "sender": "12", "rate_per_second": 0, "per_day": 0, "reply_to": "x",
        "receipt_window_s": 9, "keyword_replies": "on", "secret_ref": "a/b", "status": "on", "status_reason": 1, "x": 1
    });
    let found = errors(put(None, Channel::Sms, &body));
    let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
    let expected = [
        "channel",
        "provider",
        "sender",
        "secret_ref",
        "per_day",
        "reply_to",
        "status_reason",
        "rate_per_second",
        "receipt_window_s",
        "keyword_replies",
        "status",
        "x",
    ];
    assert_eq!(fields, expected);
}
