//! What people were told, held against what became of it.

use std::time::Duration;

use super::{Case, Findings};
use crate::crash::journal::{Contest, OptOut};

/// By how much an acceptance may follow an opt-out that was acknowledged.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// P4: nothing is accepted after an opt-out that was acknowledged.
pub(super) fn opt_outs_won(case: &Case<'_>, findings: &mut Findings) {
    for OptOut { channel, address, how, acknowledged_at, .. } in &case.journal.entries().opt_outs {
        let Some(acknowledged_at) = *acknowledged_at else { continue };
        let to_them =
            case.truth.ledger.iter().filter(|entry| entry.channel == *channel && entry.to == *address);
        for entry in to_them.filter(|entry| entry.at > acknowledged_at + ON_ITS_WAY) {
            let late = entry.at.since(acknowledged_at);
            let what = format!("accepted {late:?} after their opt-out by {how} was acknowledged");
            findings.about("P4", &entry.message_id, what);
        }
    }
}

/// P6: of several who ask for the same, one has it.
pub(super) fn one_winner(case: &Case<'_>, findings: &mut Findings) {
    for contest in &case.journal.entries().contests {
        let Contest { what, tag, answers, unanswered } = contest;
        let won = answers.iter().filter(|(status, _)| (200..300).contains(status)).count();
        let lost = answers.iter().filter(|(status, _)| *status == 409).count();
        let told = format!(
            "of the {what}s of {tag}, {won} won, {lost} lost and {unanswered} had no answer: {answers:?}"
        );
        let action =
            case.truth.actions.iter().find(|action| action.tag == *tag && action.view["retry_of"].is_null());
        let happened = match (*what, action) {
            ("retry", _) => {
                let retries = case.truth.actions.iter().filter(|action| action.tag == *tag).count() - 1;
                retries == 1
            }
            (_, Some(action)) => action.view["status"] == "cancelled",
            (_, None) => false,
        };
        let fits =
            if happened { won == 1 || (won == 0 && *unanswered > 0) } else { won == 0 && *what == "cancel" };
        if !fits || won + lost + unanswered < answers.len() {
            findings.add("P6", told);
        }
    }
}
