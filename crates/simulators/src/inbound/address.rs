//! Whose address a member writes to.

use crate::accounts::Accounts;
use crate::provider::Provider;
use crate::twilio::{pool_number, reachable};
use crate::whatsapp::{display_number, wa_id};
use crate::world::World;

/// A number at Twilio.
pub(super) struct SmsAddress {
    pub(super) org: String,
    pub(super) account_sid: String,
    pub(super) number: String,
    pub(super) service: Option<String>,
}

/// The organisation that last sent from the number, or the one that is named; numbers are in no secret, so that one
/// from which nobody has sent yet belongs to the first account.
pub(super) fn sms(world: &World, accounts: &Accounts, to: &str, org: Option<&str>) -> Option<SmsAddress> {
    let to = reachable(to)?;
    let sender = world.book.sender(Provider::Twilio, &to);
    let owner = org.or(sender.as_ref().map(|sender| sender.org.as_str()));
    let account = accounts.twilio_of(owner)?;
    let of_pool = sender.as_ref().map(|sender| sender.detail.clone()).filter(|service| !service.is_empty());
    let (number, service) = match of_pool {
        Some(service) => (to, Some(service)),
        None if to.starts_with("MG") => (pool_number(&to), Some(to)),
        None => (to, None),
    };
    Some(SmsAddress { org: account.org.clone(), account_sid: account.account_sid.clone(), number, service })
}

/// A number at Meta.
pub(super) struct WhatsAppAddress {
    pub(super) org: String,
    pub(super) phone_number_id: String,
}

/// By the id of the number or by the number that people see: of the secrets first, then of those that sent. The only
/// account there is, or that the named organisation has, gets what is for any other number, too.
pub(super) fn whatsapp(
    world: &World,
    accounts: &Accounts,
    to: &str,
    org: Option<&str>,
) -> Option<WhatsAppAddress> {
    let digits = wa_id(to);
    let is_it = |id: &str| id == to || id == digits || display_number(id) == digits;
    let found = |org: &str, id: &str| WhatsAppAddress { org: org.to_owned(), phone_number_id: id.to_owned() };
    if digits.is_empty() {
        return None;
    }
    if let Some(account) = accounts.whatsapp_by_number(org, is_it) {
        return account.phone_number_id.as_deref().map(|id| found(&account.org, id));
    }
    if let Some((id, sender)) = world.book.find_sender(Provider::WhatsApp, org, is_it) {
        return Some(found(&sender.org, &id));
    }
    let only = accounts.only_whatsapp_of(org)?;
    let sent_from = world.book.find_sender(Provider::WhatsApp, Some(&only.org), |_| true).map(|(id, _)| id);
    let id = only.phone_number_id.clone().or(sent_from).unwrap_or(digits);
    Some(found(&only.org, &id))
}
