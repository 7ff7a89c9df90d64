//! A person writes an SMS to one of the account's numbers.

use serde::{Deserialize, Serialize};

use super::API_VERSION;
use super::number::country;
use super::segments::segments;
use super::status::form_webhook;
use crate::ids::uuid_from;
use crate::webhook::Webhook;
use crate::world::World;

/// The words that stop messages from a long code, and those that allow them again (Twilio's default opt-out).
const STOP: [&str; 8] = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];
const START: [&str; 3] = ["START", "YES", "UNSTOP"];

/// An inbound SMS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sms {
    pub(crate) org: String,
    pub(crate) account_sid: String,
    pub(crate) message_sid: String,
    /// The person.
    pub(crate) from: String,
    /// The number that they wrote to.
    pub(crate) to: String,
    /// The messaging service that the number belongs to.
    pub(crate) service: Option<String>,
    pub(crate) text: String,
}

impl Sms {
    /// Twilio acts on an opt-out word itself: one word, in any case, nothing else.
    pub(crate) fn take_effect(&self, world: &World) {
        let keyword = self.text.trim().to_uppercase();
        let sender = self.service.as_deref().unwrap_or(&self.to);
        if STOP.contains(&keyword.as_str()) {
            world.write_down(world.book.opt_out(sender, &self.from));
        } else if START.contains(&keyword.as_str()) {
            world.write_down(world.book.opt_in(sender, &self.from));
        }
    }

    /// The signed request, or `None` if the account is gone.
    pub(crate) fn webhook(&self, world: &World) -> Option<Webhook> {
        let accounts = world.accounts();
        let account = accounts.twilio_by_sid(&self.account_sid, &self.org)?;
        let url = format!("{}/webhooks/twilio/{}/inbound", world.options.public_base_url, self.org);
        Some(form_webhook(&url, &account.auth_token, &self.fields(), uuid_from(&self.message_sid)))
    }

    /// No `OptOutType`: that comes only with Advanced Opt-Out, which a plain number does not have.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let place = |number: &str| match country(number) {
            "US" => ["US", "CA", "SAN FRANCISCO", "94103"],
            country => [country, "", "", ""],
        };
        let ([to_country, to_state, to_city, to_zip], [from_country, from_state, from_city, from_zip]) =
            (place(&self.to), place(&self.from));
        let mut fields = vec![
            ("ToCountry", to_country.to_owned()),
            ("ToState", to_state.to_owned()),
            ("SmsMessageSid", self.message_sid.clone()),
            ("NumMedia", "0".to_owned()),
            ("ToCity", to_city.to_owned()),
            ("FromZip", from_zip.to_owned()),
            ("SmsSid", self.message_sid.clone()),
            ("FromState", from_state.to_owned()),
            ("SmsStatus", "received".to_owned()),
            ("FromCity", from_city.to_owned()),
            ("Body", self.text.clone()),
            ("FromCountry", from_country.to_owned()),
            ("To", self.to.clone()),
        ];
        fields.extend(self.service.clone().map(|service| ("MessagingServiceSid", service)));
        fields.extend([
            ("ToZip", to_zip.to_owned()),
            ("NumSegments", segments(&self.text).to_string()),
            ("MessageSid", self.message_sid.clone()),
            ("AccountSid", self.account_sid.clone()),
            ("From", self.from.clone()),
            ("ApiVersion", API_VERSION.to_owned()),
        ]);
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_has_the_fields_of_the_sample_in_their_order() {
        let sms = Sms {
            org: "demo".to_owned(),
            account_sid: "AC0123456789abcdef0123456789abcdef".to_owned(),
            message_sid: "SMfedcba9876543210fedcba9876543210".to_owned(),
            from: "+14155552671".to_owned(),
            to: "+15005550006".to_owned(),
            service: None,
            text: " Stop. ".to_owned(),
        };
        let sample = include_str!("../../../../tests/fixtures/twilio/inbound.stop-without-optouttype.form");
        let sample: Vec<(String, String)> =
            form_urlencoded::parse(sample.trim().as_bytes()).into_owned().collect();
        let places = ["City", "Zip", "State", "Country"];
        let fields = sms.fields();
        assert_eq!(fields.len(), sample.len());
        for ((name, value), (sample_name, sample_value)) in fields.iter().zip(&sample) {
            assert_eq!(name, sample_name);
            if !places.iter().any(|place| name.ends_with(place)) {
                assert_eq!(value, sample_value, "{name}");
            }
        }
    }
}
