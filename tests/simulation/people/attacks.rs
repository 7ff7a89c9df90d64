//! Those who have no business to call.

use std::time::Duration;

use domain::receipt::Report;
use domain::{Channel, MessageId};

use super::People;
use crate::simulation::core::About;
use crate::simulation::receipts::{call, webhook};

impl People {
    /// Calls that pretend to come from a provider, or are about what they have no business with: nothing may come of them.
    pub(super) async fn attack(&self) {
        let core = &self.host.core;
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(core.dice.between(1, 30))).await;
            let accepted = core.ledger.accepted();
            let Some(victim) = accepted.last().filter(|_| core.fault(core.faults.receipts.hostile)) else {
                continue;
            };
            let about = MessageId { slot: victim.id.slot.wrapping_add(200), ..victim.id };
            let mut forged = webhook(&self.host, victim, victim.id, Report::Read);
            forged.body.push(b'0');
            let other = match victim.channel {
                Channel::Sms => Channel::WhatsApp,
                Channel::WhatsApp | Channel::Email => Channel::Sms,
            };
            let mut wrong = victim.clone();
            wrong.channel = other;
            for (request, expected) in [
                (forged, 403),
                // Genuine, but about a message that does not exist, and about one of another channel.
                (webhook(&self.host, &wrong, about, Report::Read), 204),
                (webhook(&self.host, &wrong, victim.id, Report::Read), 204),
            ] {
                self.note("somebody calls the webhook who has no business to");
                let status = call(&self.host, &request).await;
                if status.is_some_and(|status| status != expected && !(expected == 204 && status == 200)) {
                    let what = format!("a hostile call was answered with {status:?}, not {expected}");
                    core.violated("P9", About::Message(victim.id), what);
                }
            }
        }
    }
}
