//! `POST /bulk-actions/preview`: what a send would come to, by the rules of the send itself. Writes nothing.

use std::collections::{BTreeMap, HashSet};

use domain::content::Rendered;
use domain::gate::{Planned, Refusal};
use domain::opt_out::AddressHash;
use domain::pace::Load;
use domain::permission::Caller;
use domain::segments::{self, Encoding};
use domain::variables::Variable;
use domain::{Channel, Dedupe, MemberId, OrgId, Reason, SkipCode};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::Store;
use store::action::BLOCK_TARGETS;
use wire::api::bulk_action::CreateBulkAction;
use wire::api::fields::Body;
use wire::api::http::{Reply, Request};
use wire::api::preview::{ChannelPreview, FlaggedView, PreviewView, SampleView, UnreachableView};

use super::create::{Times, settings_of, targets};
use super::{CreateBulkActions, content};
use crate::Refused;
use crate::estimate::estimate;
use crate::planner::Planner;

/// How many of those who are not reached are named.
const FLAGGED: usize = 200;
/// For how many recipients the message is shown.
const SAMPLES: usize = 3;
/// Blocks of members that are read at once.
const CONCURRENT: usize = 4;
/// What stands for a recipient's own link: it is made when the message is.
const LINK: &str = "[unsubscribe link]";

/// Answers 200 with the preview.
pub(super) async fn preview(
    deps: &CreateBulkActions,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let body = Body::of(request)?;
    let wanted = CreateBulkAction::read(&body)?;
    let now = deps.clock.now();
    let times = Times::of(&wanted, now)?;
    let senders = deps.store.senders(org).await?;
    let channels = settings_of(&senders);
    let messages = content::freeze(&deps.store, caller, &channels, &wanted.messages).await?;
    let (targets, duplicates_removed) = targets(&deps.store, org, wanted.targets).await?;
    let planner = Planner::load(&deps.store, org, &channels, &messages, wanted.routing).await?;

    let mut tally = Tally::new(&deps.store, org, &planner, wanted.dedupe);
    let mut blocks = stream::iter(targets.chunks(BLOCK_TARGETS))
        .map(async |block| planner.members(&deps.store, org, block).await.map(|members| (block, members)))
        .buffered(CONCURRENT);
    while let Some((block, members)) = blocks.try_next().await? {
        for target in block {
            for planned in planner.rows(target, members.get(&target.member_id)) {
                tally.add(&target.member_id, planned);
            }
        }
    }
    let loads = tally.channels.iter().map(|(channel, load)| (*channel, load.load));
    let estimate = estimate(loads, &senders, times.leaves_at, now);
    Ok(Reply::json(
        200,
        &PreviewView {
            duplicates_removed,
            estimated_completion: Some(estimate.completion),
            spans_days: Some(estimate.spans_days),
            ..tally.view()
        },
    ))
}

#[derive(Debug, Default)]
struct Carried {
    load: Load,
    encoding: Option<Encoding>,
}

/// What the rows come to.
struct Tally<'a> {
    store: &'a Store,
    org: &'a OrgId,
    planner: &'a Planner,
    /// The addresses that have their message, where one covers the others.
    covered: Option<HashSet<(Channel, AddressHash)>>,
    total: u64,
    unreachable: UnreachableView,
    flagged: Vec<FlaggedView>,
    channels: BTreeMap<Channel, Carried>,
    samples: Vec<SampleView>,
}

impl<'a> Tally<'a> {
    fn new(store: &'a Store, org: &'a OrgId, planner: &'a Planner, dedupe: Dedupe) -> Self {
        Self {
            store,
            org,
            planner,
            covered: (dedupe == Dedupe::Address).then(HashSet::new),
            total: 0,
            unreachable: UnreachableView::default(),
            flagged: Vec::new(),
            channels: planner.channels().into_iter().map(|channel| (channel, Carried::default())).collect(),
            samples: Vec::new(),
        }
    }

    fn add(&mut self, member: &MemberId, planned: Planned) {
        self.total += 1;
        let covered = planned.refused.is_none() && self.is_covered(&planned);
        let refused = match planned.refused {
            None if covered => Some(Refusal { reason: Reason::Skipped(SkipCode::Covered), detail: None }),
            ref other => other.clone(),
        };
        match refused {
            Some(refusal) => self.refused(member, planned.channel, &refusal),
            None => self.reached(member, planned),
        }
    }

    fn is_covered(&mut self, planned: &Planned) -> bool {
        let (Some(covered), Some(address)) = (&mut self.covered, &planned.address) else { return false };
        !covered.insert((planned.channel, self.store.address_hash(self.org, address)))
    }

    fn refused(&mut self, member: &MemberId, channel: Channel, refusal: &Refusal) {
        let code = refusal.reason.as_str();
        self.unreachable.count += 1;
        *self.unreachable.by_code.entry(code).or_default() += 1;
        // Who is covered is reached, only not by a message of their own.
        let covered = refusal.reason == Reason::Skipped(SkipCode::Covered);
        if !covered && self.flagged.len() < FLAGGED {
            let message = refusal.reason.sentence(channel, refusal.detail.as_deref());
            self.flagged.push(FlaggedView { member_id: member.clone(), channel, code, message });
        }
    }

    fn reached(&mut self, member: &MemberId, planned: Planned) {
        let channel = planned.channel;
        let carried = self.channels.entry(channel).or_default();
        carried.load.messages += 1;
        if channel != Channel::Sms && self.samples.len() >= SAMPLES {
            carried.load.units += 1;
            return;
        }
        let mut values = planned.values;
        values.insert(Variable::UnsubscribeUrl, LINK.to_owned());
        // Gate 1 has written it once with these values.
        let Some(rendered) = self.planner.offer(channel).and_then(|offer| offer.message.render(&values).ok())
        else {
            return;
        };
        if channel == Channel::Sms {
            let counted = segments::count(rendered.text());
            carried.load.units += u64::from(counted.segments);
            let whole = carried.encoding.filter(|encoding| *encoding == Encoding::Ucs2);
            carried.encoding = Some(whole.unwrap_or(counted.encoding));
        } else {
            carried.load.units += 1;
        }
        if self.samples.len() < SAMPLES {
            self.samples.push(sample(member, channel, rendered));
        }
    }

    fn view(self) -> PreviewView {
        let by_channel = self.planner.channels().into_iter().filter_map(|channel| {
            let carried = self.channels.get(&channel)?;
            Some(ChannelPreview {
                channel,
                reachable: carried.load.messages,
                segments: (channel == Channel::Sms).then_some(carried.load.units),
                encoding: carried.encoding,
            })
        });
        PreviewView {
            total: self.total,
            reachable: self.total - self.unreachable.count,
            by_channel: by_channel.collect(),
            unreachable: self.unreachable,
            flagged: self.flagged,
            samples: self.samples,
            duplicates_removed: 0,
            estimated_completion: None,
            spans_days: None,
        }
    }
}

fn sample(member: &MemberId, channel: Channel, rendered: Rendered) -> SampleView {
    let (subject, body) = match rendered {
        Rendered::Text(text) | Rendered::Template { text, .. } => (None, text),
        Rendered::Email { subject, text, .. } => (Some(subject), text),
    };
    SampleView { member_id: member.clone(), channel, subject, body }
}
