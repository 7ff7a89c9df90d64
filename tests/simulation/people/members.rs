//! Members, and what they do: write, opt out and in again, leave.

use super::{People, senders};
use crate::simulation::host::Host;
use crate::simulation::time::FunctionClock;
use domain::{Channel, Clock};
use serde_json::{Value, json};
use store::directory::UnsubscribeTokens;
use testing::{World, Writes};

/// A member of the organisation.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) phone: Option<String>,
    pub(crate) email: Option<String>,
}

impl Member {
    /// Where the member is reached on a channel.
    pub(crate) fn address(&self, channel: Channel) -> Option<&str> {
        match channel {
            Channel::Email => self.email.as_deref(),
            Channel::Sms | Channel::WhatsApp => self.phone.as_deref(),
        }
    }

    fn json(&self) -> Value {
        json!({ "id": self.id, "first_names": self.name, "primary_phone": self.phone, "email": self.email })
    }
}

/// The members of a simulation: some share a phone, some lack one. The last digit of a phone is its nature.
pub(crate) fn drawn(host: &Host) -> Vec<Member> {
    let dice = &host.core.dice;
    // Small worlds meet as many troubles as large ones, and are done sooner; some need more than one chunk.
    let count = if dice.happens(0.06) { dice.count(90, 130) } else { dice.count(1, 14) };
    let mut members: Vec<Member> = Vec::new();
    for number in 0..count {
        // Most natures are good ones; 7, 8 and 9 are not.
        let nature = if dice.happens(0.15) { dice.between(7, 9) } else { 0 };
        let own = Some(format!("+6421{:06}{nature}", 100_000 + number));
        let phone = match (members.last(), dice.between(0, 19)) {
            (_, 0) => None,
            (Some(before), 1 | 2) => before.phone.clone(),
            _ => own,
        };
        let email = (!dice.happens(0.05)).then(|| format!("name{number}x{nature}@example.org"));
        members.push(Member { id: format!("m{number}"), name: format!("Name{number}"), phone, email });
    }
    members
}

/// Four members for a scene: two share a phone, and messages to the last one fail.
pub(crate) fn few() -> Vec<Member> {
    let member = |number: usize, phone: &str, nature: u8| Member {
        id: format!("m{number}"),
        name: format!("Name{number}"),
        phone: Some(phone.to_owned()),
        email: Some(format!("name{number}x{nature}@example.org")),
    };
    vec![
        member(0, "+64211000000", 0),
        member(1, "+64211000010", 0),
        member(2, "+64211000000", 0),
        member(3, "+64211000038", 8),
    ]
}

/// Sets the organisation up, before anything goes wrong.
pub(crate) async fn set_up(host: &Host, members: &[Member]) {
    let ok = async |route: &str, path: &[(&str, &str)], body: Value| {
        let reply = host.outside(&World::as_somebody(route, path, &body)).await;
        assert!(reply.status < 300, "{route}: {} {}", reply.status, reply.body);
    };
    ok(
        "PUT /organisation",
        &[],
        json!({ "name": "St Mark", "country": "NZ", "time_zone": "Pacific/Auckland" }),
    )
    .await;
    let window = host.core.dice.between(30, 600);
    for channel in Channel::ALL {
        senders::set_up(host, channel, window).await;
    }
    let template = json!({
        "channel": "whatsapp", "name": "note", "language": "en", "body": "{{1}} {{2}}", "status": "approved",
        "parameters": [{ "position": 1, "component": "body" }, { "position": 2, "component": "body" }],
    });
    ok("PUT /templates/{id}", &[("id", "note")], template).await;
    let all: Vec<Value> = members.iter().map(Member::json).collect();
    ok("POST /members/import", &[], json!({ "members": all })).await;
}

impl People {
    fn member(&self) -> &Member {
        self.host.core.dice.pick(&self.members)
    }

    fn writes(channel: Channel, from: &str, number: usize, text: &str) -> Writes {
        let id = format!("in{number}");
        match channel {
            Channel::WhatsApp => Writes::whatsapp(from, &id, text),
            Channel::Sms | Channel::Email => Writes::sms(from, &id, text),
        }
    }

    /// What a member writes, as the provider brings it: again and again until it is taken.
    pub(super) async fn brought(
        &self,
        channel: Channel,
        from: &str,
        number: usize,
        text: &str,
    ) -> Option<u16> {
        let now = FunctionClock(self.host.core.time).now();
        let request = Self::writes(channel, from, number, text).request(now);
        crate::simulation::receipts::call(&self.host, &request).await
    }

    pub(super) async fn stop_by_message(&self, number: usize) {
        let channel = *self.host.core.dice.pick(&[Channel::Sms, Channel::WhatsApp]);
        let Some(phone) = self.member().phone.clone() else { return };
        self.note(format!("{phone} writes STOP on {channel}"));
        let began = self.host.core.time.elapsed_ms();
        if self.brought(channel, &phone, number, "STOP").await.is_some_and(|status| status < 300) {
            self.opted_out(channel, &phone, began);
        }
    }

    pub(super) async fn stop_by_link(&self) {
        let Some(email) = self.member().email.clone() else { return };
        self.note(format!("{email} follows the link"));
        let address = domain::member::Address::stored(email.clone());
        let hash = self.host.store.address_hash(&World::org(), &address);
        let tokens = UnsubscribeTokens::new(self.host.store.keys().clone());
        let token = tokens.make(&World::org(), Channel::Email, &hash);
        let mut request = World::as_somebody("POST /unsubscribe/{token}", &[("token", &token)], &Value::Null);
        request.caller = None;
        let began = self.host.core.time.elapsed_ms();
        if self.ask(&request).await.is_some_and(|(status, _)| status < 300) {
            self.opted_out(Channel::Email, &email, began);
        }
    }

    pub(super) async fn stop_by_api(&self) {
        let channel = *self.host.core.dice.pick(&Channel::ALL);
        let member = self.member().clone();
        self.note(format!("{} is opted out of {channel}", member.id));
        let path = [("id", member.id.as_str()), ("channel", channel.as_str())];
        let request = World::as_somebody("PUT /members/{id}/opt-outs/{channel}", &path, &json!({}));
        let began = self.host.core.time.elapsed_ms();
        if self.ask(&request).await.is_some_and(|(status, _)| status < 300)
            && let Some(address) = member.address(channel)
        {
            self.opted_out(channel, address, began);
        }
    }

    /// Somebody comes back, or is taken back.
    pub(super) async fn start_again(&self, number: usize) {
        let member = self.member().clone();
        let ledger = &self.host.core.ledger;
        let by_message = self.host.core.dice.happens(0.5);
        let channel = *self.host.core.dice.pick(&[Channel::Sms, Channel::WhatsApp]);
        let Some(phone) = member.phone else { return };
        ledger.lifts(channel, &phone, u64::MAX);
        if by_message {
            self.note(format!("{phone} writes START on {channel}"));
            self.brought(channel, &phone, number, "START").await;
        } else {
            self.note(format!("{} is taken back on {channel}", member.id));
            let path = [("id", member.id.as_str()), ("channel", channel.as_str())];
            let request = World::as_somebody("DELETE /members/{id}/opt-outs/{channel}", &path, &Value::Null);
            self.ask(&request).await;
        }
        // A call that was given up may still be carried out.
        ledger.lifts(channel, &phone, self.host.core.time.elapsed_ms() + 60_000);
    }

    pub(super) async fn write(&self, number: usize) {
        let channel = *self.host.core.dice.pick(&[Channel::Sms, Channel::WhatsApp]);
        let Some(phone) = self.member().phone.clone() else { return };
        self.note(format!("{phone} writes on {channel}"));
        self.brought(channel, &phone, number, "See you there").await;
    }

    pub(super) async fn delete(&self) {
        let member = self.member().clone();
        self.note(format!("{} is deleted", member.id));
        self.memory.borrow_mut().gone.push(member.id.clone());
        let erase = self.host.core.dice.happens(0.5);
        let route = if erase { "POST /members/{id}/erase" } else { "DELETE /members/{id}" };
        let body = if erase { json!({}) } else { Value::Null };
        self.ask(&World::as_somebody(route, &[("id", &member.id)], &body)).await;
    }

    pub(super) fn opted_out(&self, channel: Channel, address: &str, began_ms: u64) {
        let number = self.note(format!("the opt-out of {address} from {channel} is acknowledged"));
        self.host.core.ledger.opted_out(channel, address, began_ms, number);
    }
}
