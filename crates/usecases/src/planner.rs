//! What becomes of targets at gate 1, worked out in one way for a send, its preview and a single message.

use std::collections::{BTreeSet, HashMap};

use domain::content::Content;
use domain::gate::{Correspondent, Offer, Planned, Setting, Target as Judged, plan, plan_to};
use domain::settings::ChannelSettings;
use domain::{Channel, MemberId, OrgId, Routing};
use store::Store;
use store::directory::StoredMember;
use store::targets::Target;

use crate::Error;

/// What all recipients of a send share.
pub(crate) struct Planner {
    offers: Vec<Offer>,
    routing: Routing,
    org_name: String,
    org_country: String,
}

impl Planner {
    /// Reads the organisation, whose `channels` these are.
    ///
    /// # Errors
    /// If the database gives no answer or the content does not parse.
    pub(crate) async fn load(
        store: &Store,
        org: &OrgId,
        channels: &[ChannelSettings],
        messages: &[Content],
        routing: Routing,
    ) -> Result<Self, Error> {
        let configured: BTreeSet<Channel> = channels.iter().map(|settings| settings.channel).collect();
        let organisation = store.organisation(org).await?;
        let offer =
            |message: &Content| Offer::new(&message.body, configured.contains(&message.body.channel()));
        Ok(Self {
            offers: messages.iter().map(offer).collect::<Result<_, _>>()?,
            routing,
            org_country: organisation.as_ref().map(|org| org.country.clone()).unwrap_or_default(),
            org_name: organisation.map(|org| org.name).unwrap_or_default(),
        })
    }

    /// The channels, in order of preference.
    pub(crate) fn channels(&self) -> Vec<Channel> {
        self.offers.iter().map(|offer| offer.message.channel()).collect()
    }

    /// Reads the members among `targets`.
    ///
    /// # Errors
    /// If the database gives no answer.
    pub(crate) async fn members(
        &self,
        store: &Store,
        org: &OrgId,
        targets: &[Target],
    ) -> Result<HashMap<MemberId, StoredMember>, Error> {
        let ids: Vec<MemberId> = targets.iter().map(|target| target.member_id.clone()).collect();
        Ok(store.members_by_id(org, &ids, &self.org_country).await?)
    }

    /// The rows of one target; `stored` is `None` if there is no such member.
    pub(crate) fn rows(&self, target: &Target, stored: Option<&StoredMember>) -> Vec<Planned> {
        let nothing = BTreeSet::new();
        let judged = Judged {
            member: stored.map(|stored| &stored.member),
            opted_out: stored.map_or(&nothing, |stored| &stored.opted_out),
            only: &target.only(),
        };
        plan(self.setting(), judged)
    }

    /// The row of a message on `channel` to an address that is known already; `None` if nothing is said there.
    pub(crate) fn row_to(&self, channel: Channel, to: Correspondent<'_>) -> Option<Planned> {
        Some(plan_to(self.setting(), self.offer(channel)?, to))
    }

    fn setting(&self) -> Setting<'_> {
        Setting {
            offers: &self.offers,
            routing: self.routing,
            org_name: &self.org_name,
            org_country: &self.org_country,
        }
    }

    /// What is said on `channel`.
    pub(crate) fn offer(&self, channel: Channel) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.message.channel() == channel)
    }

    /// The country that phones in national form are read by.
    pub(crate) fn country(&self) -> &str {
        &self.org_country
    }
}
