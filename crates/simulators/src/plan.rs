//! When the reports on an accepted message are posted: in order and once, unless behaviour says otherwise.

use crate::behaviour::{Course, STEP_MS};
use crate::callback::Callback;
use crate::schedule::Planned;

/// A reply comes at least so long after the last report, also when reports have no delay.
const REPLY_AFTER_MS: u64 = 50;
/// At least so much lies between reports that are to arrive in the wrong order.
const REORDER_GAP_MS: u64 = 30;

/// The callbacks of one message: its reports in the order in which they happen, then what its reader does.
///
/// Duplicating, dropping and reordering are for reports: a member who answers does so once.
pub(crate) fn plan(course: &Course, reports: Vec<Callback>, reply: Option<Callback>) -> Vec<Planned> {
    let callbacks = &course.behaviour.callback;
    let count = u64::try_from(reports.len()).unwrap_or(u64::MAX);
    let reordered = course.draws.hit("reorder", callbacks.reorder);
    let mut planned = Vec::with_capacity(reports.len() + 1);
    for (number, callback) in (0_u64..).zip(reports) {
        let occurs_after_ms = callbacks.step_ms(number);
        let due_after_ms = if reordered {
            let from_last = count - 1 - number;
            callbacks.step_ms(from_last).max(callbacks.delay_ms + from_last * REORDER_GAP_MS)
        } else {
            occurs_after_ms
        };
        if course.draws.hit(&format!("drop {number}"), callbacks.drop_rate) {
            continue;
        }
        if course.draws.hit(&format!("duplicate {number}"), callbacks.duplicate_rate) {
            let due_after_ms = due_after_ms + STEP_MS / 2;
            planned.push(Planned { callback: callback.clone(), occurs_after_ms, due_after_ms });
        }
        planned.push(Planned { callback, occurs_after_ms, due_after_ms });
    }
    if let Some(callback) = reply {
        let after_ms =
            callbacks.step_ms(count).max(callbacks.step_ms(count.saturating_sub(1)) + REPLY_AFTER_MS);
        planned.push(Planned { callback, occurs_after_ms: after_ms, due_after_ms: after_ms });
    }
    planned
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::behaviour::{Behaviour, CallbackBehaviour};
    use crate::chance::Draws;
    use crate::ses::OneClick;

    fn report(name: &str) -> Callback {
        Callback::OneClick(OneClick { url: name.to_owned() })
    }

    fn planned(callback: CallbackBehaviour, about: &str) -> Vec<(String, u64, u64)> {
        let behaviour = Arc::new(Behaviour { callback, ..Behaviour::default() });
        let course = Course { behaviour, draws: Draws::new(1, about.to_owned()) };
        let mut planned: Vec<_> =
            plan(&course, vec![report("sent"), report("delivered")], Some(report("stop")))
                .into_iter()
                .map(|planned| {
                    let Callback::OneClick(one_click) = planned.callback else { unreachable!() };
                    (one_click.url, planned.occurs_after_ms, planned.due_after_ms)
                })
                .collect();
        planned.sort_by_key(|(_, _, due)| *due);
        planned
    }

    fn names(planned: &[(String, u64, u64)]) -> Vec<&str> {
        planned.iter().map(|(name, _, _)| name.as_str()).collect()
    }

    #[test]
    fn by_default_reports_come_once_and_in_order_and_the_reply_after_them() {
        let planned = planned(CallbackBehaviour::default(), "m");
        assert_eq!(names(&planned), ["sent", "delivered", "stop"]);
        assert!(planned.iter().all(|(_, occurs, due)| occurs == due));
        assert_eq!(planned[0].2, 20);
        assert_eq!(planned[1].2, 100);
    }

    #[test]
    fn without_delay_the_reply_still_follows_the_reports() {
        let planned = planned(CallbackBehaviour { delay_ms: 0, ..CallbackBehaviour::default() }, "m");
        assert_eq!(planned.iter().map(|(_, _, due)| *due).collect::<Vec<_>>(), [0, 0, 50]);
    }

    #[test]
    fn reordered_reports_keep_the_time_at_which_they_happened() {
        for delay_ms in [0, 20] {
            let callback = CallbackBehaviour { delay_ms, reorder: 1.0, ..CallbackBehaviour::default() };
            let planned = planned(callback, "m");
            assert_eq!(names(&planned), ["delivered", "sent", "stop"]);
            assert!(planned[0].1 >= planned[1].1, "delivered happens after sent");
        }
    }

    #[test]
    fn doubled_and_dropped_reports_leave_the_reply_alone() {
        let doubled = planned(CallbackBehaviour { duplicate_rate: 1.0, ..CallbackBehaviour::default() }, "m");
        assert_eq!(doubled.iter().filter(|(name, _, _)| name == "delivered").count(), 2);
        assert_eq!(doubled.iter().filter(|(name, _, _)| name == "stop").count(), 1);
        let dropped = planned(CallbackBehaviour { drop_rate: 1.0, ..CallbackBehaviour::default() }, "m");
        assert_eq!(names(&dropped), ["stop"]);
    }
}
