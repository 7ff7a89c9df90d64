//! Senders: their terms, and the people who change them.

use domain::Channel;
use domain::pace::Terms;
use domain::settings::Rate;
use serde_json::{Value, json};
use testing::World;
use tokio::time::sleep;

use super::People;
use crate::simulation::host::Host;
use crate::simulation::network::millis;

/// Sets a channel up, before anything goes wrong.
pub(super) async fn set_up(host: &Host, channel: Channel, window: u64) {
    let (core, terms) = (&host.core, drawn(host));
    let number = core.pace.sets(channel, terms, core.time.elapsed_ms());
    let request = World::as_somebody(
        "PUT /channels/{channel}",
        &[("channel", channel.as_str())],
        &settings(channel, window, terms),
    );
    let reply = host.outside(&request).await;
    assert!(reply.status < 300, "{} {}", reply.status, reply.body);
    core.pace.has_set(channel, number, core.time.elapsed_ms());
}

/// A sender's terms. Where things go wrong, one in eight takes only a few messages a day.
fn drawn(host: &Host) -> Terms {
    let dice = &host.core.dice;
    if host.core.nothing_fails() {
        return Terms { rate: Rate::per_second(20), per_day: None };
    }
    let thousandths = *dice.pick(&[50, 500, 1_000, 3_000, 20_000, 20_000, 100_000, 10_000_000]);
    let rate = Rate::of_thousandths(thousandths).expect("it is a rate");
    let per_day = dice.happens(0.125).then(|| u32::try_from(dice.between(1, 30)).unwrap_or(1));
    Terms { rate, per_day }
}

fn settings(channel: Channel, window: u64, terms: Terms) -> Value {
    let sender = match channel {
        Channel::Sms => "+6421000000",
        Channel::WhatsApp => "106540352242922",
        Channel::Email => "St Mark <office@stmark.example.org>",
    };
    json!({
        "sender": sender,
        "secret_ref": (channel != Channel::Email).then_some("provider"),
        "receipt_window_s": window,
        "rate_per_second": terms.rate,
        "per_day": terms.per_day,
    })
}

impl People {
    /// Somebody gives a sender other terms.
    pub(super) async fn change_terms(&self) {
        let core = &self.host.core;
        let channel = *core.dice.pick(&Channel::ALL);
        let terms = drawn(&self.host);
        self.note(format!("the {channel} sender gets other terms: {terms:?}"));
        let body = settings(channel, core.dice.between(30, 600), terms);
        let path = [("channel", channel.as_str())];
        let request = World::as_somebody("PUT /channels/{channel}", &path, &body);
        let number = core.pace.sets(channel, terms, core.time.elapsed_ms());
        if self.ask(&request).await.is_some_and(|(status, _)| status < 300) {
            core.pace.has_set(channel, number, core.time.elapsed_ms());
        }
    }

    /// Somebody pauses a sender for a while.
    pub(super) async fn pause(&self) {
        let core = &self.host.core;
        let channel = *core.dice.pick(&Channel::ALL);
        let terms = drawn(&self.host);
        let path = [("channel", channel.as_str())];
        let number = core.pace.sets(channel, terms, core.time.elapsed_ms());
        for status in ["paused", "active"] {
            self.note(format!("the {channel} sender is to be {status}"));
            let mut body = settings(channel, core.dice.between(30, 600), terms);
            body["status"] = json!(status);
            let answer = self.ask(&World::as_somebody("PUT /channels/{channel}", &path, &body)).await;
            if answer.is_some_and(|(status, _)| status < 300) {
                core.pace.has_set(channel, number, core.time.elapsed_ms());
            }
            sleep(millis(core.dice.mostly_small(1, 240_000))).await;
        }
    }
}
