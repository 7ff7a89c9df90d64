//! Which messages of the log are wanted.

use domain::{BulkActionId, Channel, MemberId, MessageStatus, Timestamp};
use store::action::Action;
use store::row::{Origin, Row};

use super::shown::Shown;
use super::window::written;
use crate::Refused;
use crate::query::{Query, refused};

/// The parameters of the log.
pub(super) const PARAMETERS: [&str; 9] =
    ["member_id", "bulk_action_id", "channel", "status", "direction", "from", "to", "limit", "cursor"];

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Outbound,
    Inbound,
}

impl Direction {
    const ALL: [Self; 2] = [Self::Outbound, Self::Inbound];

    fn of(row: &Row) -> Self {
        match row.origin {
            Origin::Bulk | Origin::Single => Self::Outbound,
            Origin::Inbound(_) => Self::Inbound,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
        }
    }
}

/// Which messages are wanted: `from` counts, `to` does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filters {
    pub(super) member: Option<MemberId>,
    pub(super) action: Option<BulkActionId>,
    pub(super) channel: Option<Channel>,
    pub(super) status: Option<MessageStatus>,
    pub(super) direction: Option<Direction>,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

impl Filters {
    pub(super) fn read(query: &Query) -> Result<Self, Refused> {
        let filters = Self {
            member: query.parsed("member_id")?,
            action: query.parsed("bulk_action_id")?,
            channel: query.parsed("channel")?,
            status: query.choice("status", MessageStatus::ALL, MessageStatus::as_str)?,
            direction: query.choice("direction", &Direction::ALL, Direction::as_str)?,
            from: query.parsed("from")?,
            to: query.parsed("to")?,
        };
        if filters.from.zip(filters.to).is_some_and(|(from, to)| from > to) {
            return Err(refused("to", "must not be before from"));
        }
        Ok(filters)
    }

    pub(super) fn want(&self, shown: &Shown) -> bool {
        let row = &shown.row;
        self.member.as_ref().is_none_or(|member| row.member_id.as_ref() == Some(member))
            && self.direction.is_none_or(|direction| direction == Direction::of(row))
            && self.action.is_none_or(|action| self.belongs(row, action))
            && self.channel.is_none_or(|channel| row.channel == channel)
            && self.status.is_none_or(|status| shown.status == status)
            && self.from.is_none_or(|from| row.created_at >= from)
            && self.to.is_none_or(|to| row.created_at < to)
    }

    /// Whether a row is one of the action, or, where inbound rows are asked for, answers one of its rows.
    fn belongs(&self, row: &Row, action: BulkActionId) -> bool {
        match &row.origin {
            Origin::Bulk => row.id.send == action.ulid(),
            Origin::Single => false,
            Origin::Inbound(inbound) => {
                self.direction == Some(Direction::Inbound) && inbound.bulk_action_id == Some(action)
            }
        }
    }

    /// Whether not all rows of a timeline are wanted that lie within the span of time.
    pub(super) fn narrow_timeline(&self) -> bool {
        self.action.is_some() || self.channel.is_some() || self.status.is_some() || self.direction.is_some()
    }

    /// Before when no direct row can be wanted: an answer is younger than the action that it answers.
    pub(super) fn not_before(&self) -> Option<Timestamp> {
        let accepted = self.action.map(|action| {
            Timestamp::from_millis(i64::try_from(action.ulid().timestamp_ms()).unwrap_or(i64::MAX))
        });
        self.from.max(accepted)
    }

    /// Whether an action can have rows that are wanted.
    pub(super) fn may_want(&self, action: &Action) -> bool {
        written(action).is_some_and(|(start, end)| {
            self.from.is_none_or(|from| end >= from) && self.to.is_none_or(|to| start < to)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_log::samples::{action, row};
    use store::row::Inbound;
    use wire::api::http::Request;

    fn filters(raw: &str) -> Result<Filters, Refused> {
        let request = Request { raw_query: raw.into(), ..Request::default() };
        Filters::read(&Query::parse(&request, &PARAMETERS)?)
    }

    fn wants(raw: &str) -> bool {
        let row = Row { created_at: Timestamp::from_secs(100), ..row() };
        // Its call may have begun.
        filters(raw).unwrap().want(&Shown { status: MessageStatus::Sending, ..Shown::of(row) })
    }

    #[test]
    fn a_filter_leaves_out_what_is_something_else() {
        let mine = format!("bulk_action_id={}", action().id);
        for yes in ["", "member_id=m1", "channel=sms", "status=sending", "direction=outbound", &mine] {
            assert!(wants(yes), "{yes}");
        }
        let other = format!("bulk_action_id={}", BulkActionId::new(ulid::Ulid::from_parts(1, 2)));
        for no in ["member_id=m2", "channel=email", "status=queued", "direction=inbound", &other] {
            assert!(!wants(no), "{no}");
        }
    }

    #[test]
    fn answers_to_an_action_belong_to_it_only_where_inbound_messages_are_asked_for() {
        let inbound = Inbound { bulk_action_id: Some(action().id), ..Inbound::default() };
        let shown = |origin| Shown::of(Row { origin, ..row() });
        let wants = |raw: &str, origin: Origin| filters(raw).unwrap().want(&shown(origin));
        let mine = format!("bulk_action_id={}", action().id);
        let inbound = || Origin::Inbound(Box::new(inbound.clone()));
        assert!(wants("direction=inbound", inbound()) && !wants("direction=outbound", inbound()));
        assert!(wants(&format!("{mine}&direction=inbound"), inbound()) && !wants(&mine, inbound()));
        assert!(!wants(&mine, Origin::Single), "a single send is no bulk action");
        assert!(!wants(&format!("{mine}&direction=inbound"), Origin::Bulk));
    }

    #[test]
    fn a_span_of_time_holds_its_beginning_and_not_its_end() {
        assert!(wants("from=1970-01-01T00:01:40Z") && !wants("from=1970-01-01T00:01:41Z"));
        assert!(wants("to=1970-01-01T00:01:41Z") && !wants("to=1970-01-01T00:01:40Z"));
    }

    #[test]
    fn a_filter_that_is_none_is_refused() {
        for bad in [
            "status=done",
            "channel=fax",
            "direction=both",
            "bulk_action_id=ba_1",
            "member_id=a%23b",
            "from=yesterday",
            "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        ] {
            assert!(matches!(filters(bad), Err(Refused::Problem(problem)) if problem.status == 400), "{bad}");
        }
    }

    #[test]
    fn an_action_is_left_out_only_if_none_of_its_rows_can_be_wanted() {
        let action = Action {
            started_at: Some(Timestamp::from_secs(100)),
            delegated_at: Some(Timestamp::from_secs(200)),
            ..action()
        };
        let may_want = |raw: &str| filters(raw).unwrap().may_want(&action);
        assert!(may_want("from=1970-01-01T00:03:20Z") && !may_want("from=1970-01-01T00:04:00Z"));
        assert!(may_want("to=1970-01-01T00:01:40Z") && !may_want("to=1970-01-01T00:01:00Z"));
        let writing = Action { delegated_at: None, ..action.clone() };
        assert!(filters("from=1970-01-01T00:04:00Z").unwrap().may_want(&writing));
    }
}
