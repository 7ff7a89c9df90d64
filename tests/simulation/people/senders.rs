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
        self.set_terms(channel, drawn(&self.host)).await;
    }

    /// Somebody gives a sender these terms.
    pub(super) async fn set_terms(&self, channel: Channel, terms: Terms) {
        let core = &self.host.core;
        self.note(format!("the {channel} sender gets other terms: {terms:?}"));
        let change = core.pace.sets(channel, terms, core.time.elapsed_ms());
        self.put(channel, terms, change, None).await;
    }

    /// Puts a sender's settings, of whose terms the judge knows by the number of the `change`. Whether somebody was told that they are so.
    async fn put(&self, channel: Channel, terms: Terms, change: usize, status: Option<&str>) -> bool {
        let core = &self.host.core;
        let mut body = settings(channel, core.dice.between(30, 600), terms);
        if let Some(status) = status {
            body["status"] = json!(status);
        }
        let path = [("channel", channel.as_str())];
        let answer = self.ask(&World::as_somebody("PUT /channels/{channel}", &path, &body)).await;
        let told = answer.is_some_and(|(status, _)| status < 300);
        if told {
            core.pace.has_set(channel, change, core.time.elapsed_ms());
        }
        told
    }

    /// Somebody pauses a sender for a while.
    pub(super) async fn pause(&self) {
        let dice = &self.host.core.dice;
        let paused = self.begin_pause(*dice.pick(&Channel::ALL)).await;
        sleep(millis(dice.mostly_small(1, 240_000))).await;
        self.end_pause(paused).await;
    }

    /// Somebody pauses a sender.
    pub(super) async fn begin_pause(&self, channel: Channel) -> Paused {
        let core = &self.host.core;
        let terms = drawn(&self.host);
        let change = core.pace.sets(channel, terms, core.time.elapsed_ms());
        let paused = Paused { channel, terms, change, number: core.pace.pauses(channel) };
        if self.put_status(&paused, "paused").await {
            core.pace.is_paused(channel, paused.number, core.time.elapsed_ms());
        }
        paused
    }

    /// Whoever paused a sender resumes it.
    pub(super) async fn end_pause(&self, paused: Paused) {
        let core = &self.host.core;
        core.pace.resumes(paused.channel, paused.number, core.time.elapsed_ms());
        self.put_status(&paused, "active").await;
    }

    /// Whether somebody was told that the sender is what he made it.
    async fn put_status(&self, paused: &Paused, status: &str) -> bool {
        self.note(format!("the {} sender is to be {status}", paused.channel));
        self.put(paused.channel, paused.terms, paused.change, Some(status)).await
    }
}

/// A sender that somebody paused, and what he wants of it.
pub(super) struct Paused {
    channel: Channel,
    terms: Terms,
    /// The numbers of the change and of the pause with the judge.
    change: usize,
    number: usize,
}
