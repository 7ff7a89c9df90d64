//! Gate 1: what becomes of a target when its rows are written. The one rule for a send, its preview and its retry.

use std::collections::{BTreeMap, BTreeSet};

use crate::content::{Body, Prepared};
use crate::member::{Address, Member};
use crate::variables::{Unwritable, Variable, VariableError};
use crate::{Channel, FailureCode, Reason, Routing, SkipCode};

/// How much of an address that cannot be read is kept, in characters: a row stays small.
const MOST_SHOWN: usize = 100;
/// How many of the variables that have no value are named.
const MOST_NAMED: usize = 10;

/// A channel of a send, prepared once for all recipients.
#[derive(Debug, Clone)]
pub struct Offer {
    /// What it says.
    pub message: Prepared,
    /// The variables that it uses.
    pub variables: BTreeSet<Variable>,
    /// Whether the organisation has the channel.
    pub configured: bool,
}

impl Offer {
    /// # Errors
    /// If the body does not parse.
    pub fn new(body: &Body, configured: bool) -> Result<Self, VariableError> {
        let message = body.prepare()?;
        Ok(Self { variables: message.variables(), message, configured })
    }
}

/// What all recipients of a send share.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The channels, in order of preference.
    pub offers: &'a [Offer],
    /// How to choose among them.
    pub routing: Routing,
    /// The organisation's name, for `{{org.name}}`.
    pub org_name: &'a str,
    /// The organisation's country, for phones in national form.
    pub org_country: &'a str,
}

/// A target, with what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The member, unless it is gone.
    pub member: Option<&'a Member>,
    /// The channels that the member, or the address that the channel would use, has opted out of.
    pub opted_out: &'a BTreeSet<Channel>,
    /// With [`Routing::All`], the channels that are meant: a retry takes only those that failed. Empty for all.
    pub only: &'a BTreeSet<Channel>,
}

/// A row to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its channel.
    pub channel: Channel,
    /// Where it goes; known also for a row that will not be sent, as far as there is a valid address.
    pub address: Option<Address>,
    /// What the member's record says where no address can be read from it: it is what somebody has to correct.
    pub unreadable: Option<String>,
    /// The recipient's values of the variables that the content uses.
    pub values: BTreeMap<Variable, String>,
    /// Why it will not be sent; `None` if it will.
    pub refused: Option<Refusal>,
}

/// Why a row is final when it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// What the reason leaves open, e.g. the variable's name.
    pub detail: Option<String>,
}

impl From<FailureCode> for Refusal {
    fn from(code: FailureCode) -> Self {
        Self { reason: Reason::Failed(code), detail: None }
    }
}

/// The rows of one target: one per channel, or with [`Routing::FirstReachable`] exactly one.
pub fn plan(setting: Setting<'_>, target: Target<'_>) -> Vec<Planned> {
    let mut rows = setting.offers.iter().map(|offer| plan_row(setting, offer, target));
    match setting.routing {
        Routing::All => {
            let meant = |row: &Planned| target.only.is_empty() || target.only.contains(&row.channel);
            rows.filter(meant).collect()
        }
        Routing::FirstReachable => {
            // Reachable on none: one row, on the first channel, with that channel's reason.
            let first = rows.next();
            let chosen = match first {
                Some(row) if row.refused.is_some() => rows.find(|row| row.refused.is_none()).or(Some(row)),
                other => other,
            };
            chosen.into_iter().collect()
        }
    }
}

fn plan_row(setting: Setting<'_>, offer: &Offer, target: Target<'_>) -> Planned {
    let channel = offer.message.channel();
    let refuse = |refusal: Refusal| Planned {
        channel,
        address: None,
        unreadable: None,
        values: BTreeMap::new(),
        refused: Some(refusal),
    };
    let Some(member) = target.member else {
        return refuse(FailureCode::MemberNotFound.into());
    };
    if !offer.configured {
        return refuse(FailureCode::ChannelNotConfigured.into());
    }
    let address = match member.address(channel, setting.org_country) {
        Ok(address) => address,
        Err(code) => {
            let typed = member.typed_address(channel).map(|typed| typed.chars().take(MOST_SHOWN).collect());
            return Planned { unreadable: typed, ..refuse(code.into()) };
        }
    };
    let values = values_of(setting, offer, Some(member));
    let refused =
        if target.opted_out.contains(&channel) { Some(opted_out()) } else { unwritable(offer, &values) };
    Planned { channel, address: Some(address), unreadable: None, values, refused }
}

/// Somebody who is written to at an address that is known already: in a conversation.
#[derive(Debug, Clone, Copy)]
pub struct Correspondent<'a> {
    /// The address; `None` if it was erased.
    pub address: Option<&'a Address>,
    /// Who it is, if that is known.
    pub member: Option<&'a Member>,
    /// Whether the address or the member has opted out of the channel.
    pub opted_out: bool,
}

/// The row of a message to one address, on the channel of `offer`.
pub fn plan_to(setting: Setting<'_>, offer: &Offer, to: Correspondent<'_>) -> Planned {
    let values = values_of(setting, offer, to.member);
    let refused = match to.address {
        None => Some(FailureCode::NoPhone.into()),
        Some(_) if !offer.configured => Some(FailureCode::ChannelNotConfigured.into()),
        Some(_) if to.opted_out => Some(opted_out()),
        Some(_) => unwritable(offer, &values),
    };
    Planned {
        channel: offer.message.channel(),
        address: to.address.cloned(),
        unreadable: None,
        values,
        refused,
    }
}

fn opted_out() -> Refusal {
    Refusal { reason: Reason::Skipped(SkipCode::OptedOut), detail: None }
}

fn values_of(setting: Setting<'_>, offer: &Offer, member: Option<&Member>) -> BTreeMap<Variable, String> {
    let value = |variable: &Variable| match variable {
        Variable::OrgName => Some(setting.org_name),
        other => member.and_then(|member| member.value(other)),
    };
    offer.variables.iter().filter_map(|v| Some((v.clone(), value(v)?.to_owned()))).collect()
}

/// A message is written once before its row is, so that what cannot be written never reaches a queue.
fn unwritable(offer: &Offer, values: &BTreeMap<Variable, String>) -> Option<Refusal> {
    let mut values = values.clone();
    // Made from the message id when it is sent; here it only has to exist.
    values.insert(Variable::UnsubscribeUrl, "https://example.com".into());
    Some(offer.message.render(&values).err()?.into())
}

impl From<Unwritable> for Refusal {
    fn from(unwritable: Unwritable) -> Self {
        let (code, detail) = match unwritable {
            Unwritable::Missing(names) => (FailureCode::MissingVariable, first_of(&names)),
            Unwritable::TooLong(most) => (FailureCode::ProviderRejected, most.to_string()),
        };
        Self { reason: Reason::Failed(code), detail: Some(detail) }
    }
}

/// Some names, and how many there are beside: a row stays small.
fn first_of(names: &[String]) -> String {
    let first = names.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMED) {
        0 => first,
        others => format!("{first} and {others} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> Member {
        serde_json::from_value(serde_json::json!({
            "id": "m1", "first_names": "Ana", "email": "ana@example.org", "primary_phone": "021 555 0100", "country": "NZ"
        }))
        .unwrap()
    }

    fn offers() -> Vec<Offer> {
        [
            Body::Sms { text: "Hi {{member.first_names}}".into() },
            Body::Email { subject: "Hello".into(), text: "Seat {{member.fields.seat}}".into(), html: None },
        ]
        .map(|body| Offer::new(&body, true).unwrap())
        .into()
    }

    fn rows(
        routing: Routing,
        member: Option<&Member>,
        opted_out: &[Channel],
    ) -> Vec<(Channel, Option<Refusal>)> {
        let setting = Setting { offers: &offers(), routing, org_name: "St Mark", org_country: "GB" };
        let opted_out = opted_out.iter().copied().collect();
        plan(setting, Target { member, opted_out: &opted_out, only: &BTreeSet::new() })
            .into_iter()
            .map(|row| (row.channel, row.refused))
            .collect()
    }

    #[test]
    fn each_channel_is_judged_by_itself() {
        let opted_out = Refusal { reason: Reason::Skipped(SkipCode::OptedOut), detail: None };
        let missing = Refusal {
            reason: Reason::Failed(FailureCode::MissingVariable),
            detail: Some("member.fields.seat".into()),
        };
        assert_eq!(
            rows(Routing::All, Some(&member()), &[Channel::Sms]),
            [(Channel::Sms, Some(opted_out)), (Channel::Email, Some(missing))]
        );
    }

    #[test]
    fn first_reachable_writes_one_row_on_the_first_channel_that_can_be_sent() {
        let mut unseated = member();
        assert_eq!(rows(Routing::FirstReachable, Some(&unseated), &[]), [(Channel::Sms, None)]);
        unseated.fields.insert("seat".into(), "4".into());
        assert_eq!(rows(Routing::FirstReachable, Some(&unseated), &[Channel::Sms]), [(Channel::Email, None)]);
    }

    #[test]
    fn a_member_reachable_on_no_channel_has_one_row_with_the_first_channels_reason() {
        let mut nowhere = member();
        nowhere.primary_phone = None;
        assert_eq!(
            rows(Routing::FirstReachable, Some(&nowhere), &[]),
            [(Channel::Sms, Some(FailureCode::NoPhone.into()))]
        );
    }

    #[test]
    fn who_is_written_to_in_a_conversation_need_not_be_a_member() {
        let setting = Setting { offers: &[], routing: Routing::All, org_name: "St Mark", org_country: "GB" };
        let address = Address::stored("+64215550100".into());
        let to = |text: &str, member: Option<&Member>, opted_out| {
            let offer = Offer::new(&Body::Sms { text: text.into() }, true).unwrap();
            let to = Correspondent { address: Some(&address), member, opted_out };
            plan_to(setting, &offer, to).refused.map(|refusal| refusal.reason)
        };
        assert_eq!(to("{{org.name}} is here", None, false), None);
        assert_eq!(to("Hi {{member.first_names}}", Some(&member()), false), None);
        let missing = Some(Reason::Failed(FailureCode::MissingVariable));
        assert_eq!(to("Hi {{member.first_names}}", None, false), missing);
        assert_eq!(to("Hi", None, true), Some(Reason::Skipped(SkipCode::OptedOut)));
    }

    #[test]
    fn a_member_who_is_gone_fails_on_every_channel() {
        let gone = Some(Refusal::from(FailureCode::MemberNotFound));
        assert_eq!(rows(Routing::All, None, &[]), [(Channel::Sms, gone.clone()), (Channel::Email, gone)]);
    }
}
