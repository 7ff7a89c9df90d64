//! Where the rows of targets stand: which chunk, which slot. Fixed by the order of the targets, so that whoever works it out again gets the same.

use std::collections::BTreeSet;

use domain::{Channel, Routing};
use store::action::BLOCK_TARGETS;
use store::chunk::CHUNK_ROWS;
use store::targets::{RowPlace, Target};

/// Targets whose rows fill a chunk.
pub(crate) fn targets_per_chunk(routing: Routing, channels: usize) -> usize {
    match routing {
        Routing::All => CHUNK_ROWS / channels.max(1),
        Routing::FirstReachable => CHUNK_ROWS,
    }
}

/// The first chunk of a block.
pub(crate) fn first_chunk(block: u32, targets_per_chunk: usize) -> u32 {
    block * u32::try_from(BLOCK_TARGETS.div_ceil(targets_per_chunk)).unwrap_or(u32::MAX)
}

/// The rows that the targets of a block have or will have, with their channel. With [`Routing::FirstReachable`] the channel is not known
/// before the row is written; the first one stands for it.
pub(crate) fn rows<'a>(
    block: u32,
    targets: &'a [Target],
    routing: Routing,
    channels: &[Channel],
) -> Vec<(&'a Target, Channel, RowPlace)> {
    let per_chunk = targets_per_chunk(routing, channels.len());
    let mut rows = Vec::new();
    for (targets, chunk) in targets.chunks(per_chunk).zip(first_chunk(block, per_chunk)..) {
        let mut slot = 0;
        for target in targets {
            for channel in channels_of(target, routing, channels) {
                rows.push((target, channel, RowPlace { chunk, slot }));
                slot += 1;
            }
        }
    }
    rows
}

fn channels_of(target: &Target, routing: Routing, channels: &[Channel]) -> Vec<Channel> {
    let only: BTreeSet<Channel> = target.only();
    match routing {
        Routing::FirstReachable => channels.first().copied().into_iter().collect(),
        Routing::All => {
            channels.iter().copied().filter(|channel| only.is_empty() || only.contains(channel)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn targets(count: usize) -> Vec<Target> {
        (0..count)
            .map(|number| Target::from(format!("m{number}").parse::<domain::MemberId>().unwrap()))
            .collect()
    }

    #[test]
    fn rows_fill_chunks_in_the_order_of_targets_and_channels() {
        let targets = targets(120);
        let rows = rows(2, &targets, Routing::All, &[Channel::Sms, Channel::Email]);
        assert_eq!(rows.len(), 240);
        let at = |index: usize| (rows[index].1, rows[index].2.chunk, rows[index].2.slot);
        assert_eq!((at(0), at(1)), ((Channel::Sms, 40, 0), (Channel::Email, 40, 1)));
        assert_eq!((at(99), at(100)), ((Channel::Email, 40, 99), (Channel::Sms, 41, 0)));
    }

    #[test]
    fn a_retried_target_has_rows_of_its_channels_only() {
        let mut targets = targets(2);
        targets[0].retried = BTreeMap::from([(Channel::Email, RowPlace { chunk: 0, slot: 1 })]);
        let rows = rows(0, &targets, Routing::All, &[Channel::Sms, Channel::Email]);
        let slots: Vec<_> = rows.iter().map(|(_, channel, at)| (*channel, at.slot)).collect();
        assert_eq!(slots, [(Channel::Email, 0), (Channel::Sms, 1), (Channel::Email, 2)]);
    }
}
