//! What became of each message, by the ledger and by its row.

use std::collections::BTreeMap;

use super::{Case, Findings};
use crate::crash::blows::DROPPED;
use crate::crash::members::Ending;
use crate::crash::truth::Row;

/// The most messages that one stop of a dispatcher makes unknown.
const GROUP: usize = 20;
/// The most receipts in one message of the queue `apply-receipt`.
const RECEIPTS: usize = wire::queue::MAX_RECEIPTS;

/// Every message in the ledger has a row, and a row says only what the ledger bears out.
pub(super) fn rows_and_ledger_agree(case: &Case<'_>, findings: &mut Findings) {
    let rows: BTreeMap<&str, &Row> = case.truth.rows().map(|row| (row.id.as_str(), row)).collect();
    for id in case.truth.by_id.keys().filter(|id| !rows.contains_key(id.as_str())) {
        findings.about("P2", id, "a provider accepted it, and there is no row of it".to_owned());
    }
    let opted_out: Vec<(&str, String)> =
        case.journal.entries().opt_outs.iter().map(|out| (out.channel, out.address.clone())).collect();
    for row in rows.values() {
        let accepted = case.truth.accepted(&row.id) > 0;
        let said = match (row.status.as_str(), row.code.as_deref()) {
            ("sent" | "delivered" | "read", _) => accepted,
            ("unconfirmed", _) => accepted || !row.sent,
            ("failed", Some("invalid_phone" | "invalid_email" | "undeliverable" | "bounced")) => {
                let ending = Ending::of(&row.address);
                ending == if accepted { Ending::Fails } else { Ending::Refused }
            }
            ("skipped", Some("covered")) => !accepted && is_covered(row, &rows),
            ("skipped", Some("opted_out")) => {
                let bounced = row.channel == "email" && Ending::of(&row.address) == Ending::Fails;
                let out = opted_out
                    .iter()
                    .any(|(channel, address)| *channel == row.channel && *address == row.address);
                !accepted && (bounced || out)
            }
            _ => false,
        };
        if !said {
            let ledger = if accepted { "accepted it" } else { "never accepted it" };
            let what = format!("its row says {} {:?}, and the provider {ledger}", row.status, row.code);
            findings.about("P2", &row.id, what);
        }
    }
}

fn is_covered(row: &Row, rows: &BTreeMap<&str, &Row>) -> bool {
    let cover = row.covered_by.as_deref().and_then(|id| rows.get(id));
    cover.is_some_and(|cover| cover.address == row.address && cover.covered_by.is_none())
}

/// P2: a stop makes few messages unknown, and a report is missing only where one was kept from us.
pub(super) fn little_is_unknown(case: &Case<'_>, findings: &mut Findings) {
    let mut killed: BTreeMap<String, usize> = BTreeMap::new();
    for blow in case.blows() {
        for (channel, count) in blow.dispatchers {
            *killed.entry(channel).or_default() += count;
        }
    }
    let (mut unaccepted, mut unreported): (Vec<&Row>, Vec<&Row>) = (Vec::new(), Vec::new());
    for row in case.truth.rows().filter(|row| row.is(&["unconfirmed"])) {
        let of = if case.truth.accepted(&row.id) > 0 { &mut unreported } else { &mut unaccepted };
        of.push(row);
    }
    let mut by_parcel: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in &unaccepted {
        by_parcel.entry((&row.chunk, &row.channel)).or_default().push(row);
    }
    for ((_, channel), rows) in by_parcel {
        // One parcel is in the hands of one dispatcher at a time.
        let stops = case.blows().iter().filter(|blow| blow.dispatchers.contains_key(channel)).count();
        if rows.len() > GROUP * stops {
            let what =
                format!("{} messages of one parcel were never accepted after {stops} stops", rows.len());
            findings.about("P2", &rows[0].id, what);
        }
    }
    let stops: usize = killed.values().sum();
    if unaccepted.len() > GROUP * stops {
        let what =
            format!("{} messages were never accepted after {stops} stops of dispatchers", unaccepted.len());
        findings.add("P2", what);
    }
    unreported.retain(|row| Ending::of(&row.address) != Ending::Silent);
    let kept_from_us = dropped(case.truth.ledger.len()) + case.receipts_purged() + case.given_up;
    if unreported.len() > kept_from_us {
        let what =
            format!("{} messages have no report, of which {kept_from_us} can be explained", unreported.len());
        findings.add("P2", what);
    }
}

/// The most reports of a delivery that chance drops: six standard deviations above what is to be expected.
fn dropped(messages: usize) -> usize {
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let expected = messages as f64 * DROPPED;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundreds")]
    let most = 6.0f64.mul_add(expected.sqrt(), expected).ceil() as usize;
    most
}

impl Case<'_> {
    /// The most receipts that were lost with what was purged.
    fn receipts_purged(&self) -> usize {
        let purged = |blow: crate::crash::journal::Blow| blow.purged_receipts;
        self.blows().into_iter().map(purged).sum::<usize>() * RECEIPTS
    }
}
