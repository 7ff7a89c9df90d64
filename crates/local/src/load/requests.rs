//! Single requests: the preview and the acceptance of 100,000 targets, and webhooks at a steady pace.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value as Json, json};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    Options, TARGETS,
    ground::{Ground, Tenant, ids, request, tell},
    send,
};
use crate::{clock, secrets};

/// Webhooks per second, and for how long.
const PER_SECOND: u32 = 500;
const FOR: Duration = Duration::from_secs(10);
/// Messages that the webhooks are about.
const MESSAGES: usize = 500;

/// Previews a send to 100,000 targets.
pub(super) async fn preview(ground: &Ground, options: &Options) -> Result<Duration> {
    tell(&format!("previewing {TARGETS} targets"));
    let body = request(options.channel, &ids(0..TARGETS));
    let began = Instant::now();
    let preview = ground.large.api.post("/bulk-actions/preview", &body).await?;
    let took = began.elapsed();
    ensure!(preview["reachable"] == TARGETS, "a preview reached {} of {TARGETS}", preview["reachable"]);
    Ok(took)
}

/// Has a send to 100,000 targets accepted, for later, and calls it off again. Until the 202.
pub(super) async fn accept(ground: &Ground, options: &Options) -> Result<Duration> {
    tell(&format!("having {TARGETS} targets accepted"));
    let mut body = request(options.channel, &ids(0..TARGETS));
    let tomorrow = clock::now() + Duration::from_hours(24);
    body["schedule_at"] = json!(tomorrow.to_rfc3339());
    let began = Instant::now();
    let id = send::create(&ground.large.api, &body).await?;
    let took = began.elapsed();
    ground.large.api.post(&format!("/bulk-actions/{id}/cancel"), &json!({})).await?;
    Ok(took)
}

/// How long webhooks took, from the request to the answer, in order.
#[derive(Debug, Clone)]
pub(super) struct Latencies(Vec<Duration>);

impl Latencies {
    /// The time within which so many thousandths were answered.
    pub(super) fn within(&self, thousandths: usize) -> Duration {
        let place = (self.0.len() * thousandths / 1_000).min(self.0.len().saturating_sub(1));
        self.0.get(place).copied().unwrap_or_default()
    }
}

/// Delivery reports of Twilio at 500 a second, about messages that were delivered long ago.
pub(super) async fn webhooks(ground: &Ground) -> Result<Latencies> {
    let tenant = &ground.large;
    let action = send::create(&tenant.api, &request("sms", &ids(0..MESSAGES))).await?;
    send::settled(&tenant.api, std::slice::from_ref(&action)).await?;
    tell(&format!("{PER_SECOND} webhooks a second for {} s", FOR.as_secs()));
    let reports = reports(ground, tenant, &action).await?;
    let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(64).build()?;
    let mut clock = interval(Duration::from_secs(1) / PER_SECOND);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let count = usize::try_from(PER_SECOND)? * usize::try_from(FOR.as_secs())?;
    let mut calls = tokio::task::JoinSet::new();
    for report in reports.iter().cycle().take(count).cloned() {
        let due = clock.tick().await;
        let request = http
            .post(report.url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", report.signature)
            .body(report.form);
        calls.spawn(async move {
            let status = request.send().await?.status();
            // From when it was due: a sender that is late itself must not hide that.
            anyhow::Ok((status, due.elapsed()))
        });
    }
    let mut all = Vec::new();
    while let Some(call) = calls.join_next().await {
        let (status, took) = call??;
        ensure!(status.is_success(), "a webhook was answered with {status}");
        all.push(took);
    }
    all.sort_unstable();
    Ok(Latencies(all))
}

/// A signed report.
#[derive(Debug, Clone)]
struct Report {
    url: String,
    form: String,
    signature: String,
}

async fn reports(ground: &Ground, tenant: &Tenant, action: &str) -> Result<Vec<Report>> {
    let all = secrets::load_or_create(ground.stack.data())?;
    let account = all.get(&format!("{}/twilio", tenant.id)).context("no account at Twilio")?;
    let text = |name: &str| account[name].as_str().unwrap_or_default().to_owned();
    let (sid, token) = (text("account_sid"), text("auth_token"));
    let page = tenant.api.get(&format!("/messages?bulk_action_id={action}&limit=200")).await?;
    let rows = page["items"].as_array().context("no messages")?;
    Ok(rows.iter().map(|row| report(ground, tenant, row, &sid, &token)).collect())
}

/// A status callback with the fields that Twilio sends and its signature over address and sorted fields
/// (<https://www.twilio.com/docs/usage/security#validating-requests>).
fn report(ground: &Ground, tenant: &Tenant, row: &Json, sid: &str, token: &str) -> Report {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let url = format!("{}/webhooks/twilio/{}/status?m={}", ground.stack.base_url(), tenant.id, text("id"));
    let mut fields = vec![
        ("AccountSid", sid.to_owned()),
        ("ApiVersion", "2010-04-01".to_owned()),
        ("From", tenant.sms_sender.to_owned()),
        ("MessageSid", text("provider_message_id")),
        ("MessageStatus", "delivered".to_owned()),
        ("SmsSid", text("provider_message_id")),
        ("SmsStatus", "delivered".to_owned()),
        ("To", text("address")),
    ];
    fields.sort_unstable();
    let signed = fields.iter().fold(url.clone(), |signed, (name, value)| signed + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    Report { url, form, signature }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_time_within_which_so_many_were_answered() {
        let latencies = Latencies((1..=1_000).map(Duration::from_millis).collect());
        assert_eq!(latencies.within(500), Duration::from_millis(501));
        assert_eq!(latencies.within(990), Duration::from_millis(991));
        assert_eq!(latencies.within(1_000), Duration::from_secs(1));
    }
}
