//! Single things that happen, to be played with a fault at each of their calls in turn.

use std::time::Duration;

use domain::Channel;
use domain::pace::Terms;
use domain::settings::Rate;
use serde_json::{Value, json};
use testing::World;
use tokio::time::sleep;

use super::People;
use super::sends::{What, keyed, message};
use crate::simulation::network::millis;

/// A thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// A bulk send by SMS, to its last receipt.
    Sms,
    /// The same by WhatsApp.
    WhatsApp,
    /// The same by email.
    Email,
    /// One message per household.
    Household,
    /// A send that starts later.
    Scheduled,
    /// A send that is called off before it starts.
    Cancelled,
    /// A send that is called off while it starts.
    CancelledLate,
    /// A send by a sender of three messages a minute.
    Slow,
    /// A send while its sender is paused.
    Paused,
    /// A send whose failures are sent again.
    Retried,
    /// A single message.
    Single,
    /// A member writes, is answered, opts out, and then the next send goes out.
    Inbound,
}

impl People {
    /// Lets a scene happen.
    pub(crate) async fn play(&self, scene: Scene) {
        match scene {
            Scene::Sms => self.bulk("A0", Channel::Sms, json!({})).await,
            Scene::WhatsApp => self.bulk("A0", Channel::WhatsApp, json!({})).await,
            Scene::Email => self.bulk("A0", Channel::Email, json!({})).await,
            Scene::Household => self.bulk("A0", Channel::Sms, json!({ "dedupe": "address" })).await,
            Scene::Scheduled => self.bulk("A0", Channel::Sms, self.in_five_minutes()).await,
            Scene::Cancelled => {
                self.bulk("A0", Channel::Sms, self.in_five_minutes()).await;
                self.cancel().await;
            }
            Scene::CancelledLate => {
                self.bulk("A0", Channel::Sms, self.in_five_minutes()).await;
                let moment = millis(self.host.core.dice.between(0, 2_000));
                sleep(Duration::from_mins(5) + moment).await;
                self.cancel().await;
            }
            Scene::Slow => {
                let rate = Rate::of_thousandths(50).expect("it is a rate");
                self.set_terms(Channel::Sms, Terms { rate, per_day: None }).await;
                self.bulk("A0", Channel::Sms, json!({})).await;
            }
            Scene::Paused => {
                let paused = self.begin_pause(Channel::Sms).await;
                sleep(Duration::from_secs(20)).await;
                self.bulk("A0", Channel::Sms, json!({})).await;
                sleep(Duration::from_mins(5)).await;
                self.end_pause(paused).await;
            }
            Scene::Retried => {
                self.bulk("A0", Channel::Sms, json!({})).await;
                sleep(Duration::from_mins(30)).await;
                self.retry_failed().await;
            }
            Scene::Single => {
                let mut body = message(Channel::Sms, "S0");
                body["member_id"] = json!("m1");
                let request = World::as_somebody("POST /messages", &[], &body);
                self.create("S0", What::Single, &keyed(request, "S0")).await;
            }
            Scene::Inbound => {
                self.bulk("A0", Channel::Sms, json!({})).await;
                sleep(Duration::from_mins(30)).await;
                self.brought(Channel::Sms, "+64211000010", 1, "See you there").await;
                self.reply(0).await;
                // Else the reply and the opt-out would race, and both ends be right.
                sleep(Duration::from_mins(30)).await;
                let began = self.host.core.time.elapsed_ms();
                if self
                    .brought(Channel::Sms, "+64211000010", 2, "STOP")
                    .await
                    .is_some_and(|status| status < 300)
                {
                    self.opted_out(Channel::Sms, "+64211000010", began);
                }
                self.bulk("A1", Channel::Sms, json!({})).await;
            }
        }
    }

    fn in_five_minutes(&self) -> Value {
        json!({ "schedule_at": (self.host.core.time.now() + Duration::from_mins(5)).to_string() })
    }

    /// A send to everybody.
    async fn bulk(&self, tag: &str, channel: Channel, more: Value) {
        let ids: Vec<&str> = self.members.iter().map(|member| member.id.as_str()).collect();
        let mut body =
            json!({ "type": "send_message", "target_ids": ids, "messages": [message(channel, tag)] });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let request = keyed(World::as_somebody("POST /bulk-actions", &[], &body), tag);
        self.create(tag, What::Bulk, &request).await;
    }

    async fn retry_failed(&self) {
        let Some((tag, id)) = self.an_action() else { return };
        let text = id.to_string();
        let path = [("id", text.as_str())];
        let request = World::as_somebody("POST /bulk-actions/{id}/retry", &path, &json!({}));
        self.create(&tag, What::Retry(id), &keyed(request, "retry")).await;
    }
}
