//! What a member is opted out of, for people.

use domain::opt_out::OptOut;
use domain::{Channel, MemberId, OrgId};

use super::member_item::Reach;
use super::read::Consistency;
use crate::{Result, Store};

/// What an opt-out is about, as the API names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The member.
    Member,
    /// An address, for all members who have it.
    Address,
}

/// An opt-out that holds for a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberOptOut {
    /// The channel.
    pub channel: Channel,
    /// What it came from and when.
    pub opt_out: OptOut,
    /// What it is about.
    pub scope: Scope,
}

impl Store {
    /// What a member is opted out of, read strongly. `None` if there is no such member.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn member_opt_outs(
        &self,
        org: &OrgId,
        member: &MemberId,
        org_country: &str,
    ) -> Result<Option<Vec<MemberOptOut>>> {
        let Some(item) = self.member_item(org, member).await? else { return Ok(None) };
        let Some(member) = &item.member else { return Ok(None) };
        let reach = Reach::of(&self.keys, org, member, org_country);
        let records = self.addresses(org, reach.all.keys(), Consistency::Strong).await?;
        let mut all = Vec::new();
        for channel in Channel::ALL {
            let own = item.opt_outs.get(channel);
            all.extend(own.map(|opt_out| MemberOptOut { channel, opt_out, scope: Scope::Member }));
            let of_address = reach.used(channel).and_then(|hash| records.get(hash)?.opt_outs.get(channel));
            // The API sets both at once; that is one opt-out.
            let other = of_address.filter(|opt_out| own != Some(*opt_out));
            all.extend(other.map(|opt_out| MemberOptOut { channel, opt_out, scope: Scope::Address }));
        }
        Ok(Some(all))
    }
}
