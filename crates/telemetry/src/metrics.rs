//! Metrics, as lines in `CloudWatch`'s embedded metric format: nothing to flush, no client, no call.

use std::sync::OnceLock;

use domain::{Clock, Inquiry, Timestamp};
use serde_json::{Value, json};

const NAMESPACE: &str = "Tidings";
/// The function that measures, which carries the stage in its name: two stages in one account must not answer for each other.
const FUNCTION: &str = "FunctionName";
/// What kind of the thing was counted.
const KIND: &str = "Kind";

static FUNCTION_NAME: OnceLock<String> = OnceLock::new();

/// Says by the deployed function's name whose metrics these are; the first one who says it counts.
pub fn set_function(name: &str) {
    FUNCTION_NAME.get_or_init(|| name.to_owned());
}

/// Everything that is measured. The README beside this crate says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Reconcile finished a run. Its silence is an alarm.
    ReconcileHeartbeat,
    /// Things that reconcile had to do because something upstream was lost or had stopped, all kinds together.
    ReconcileRepairs(usize),
    /// The same of one kind; nothing where there was none.
    ReconcileRepairsOf(Repair, usize),
    /// Stored counts that were wrong although nobody had promised a change, all kinds together.
    ReconcileDrift(usize),
    /// The same of one kind; nothing where there was none.
    ReconcileDriftOf(Drift, usize),
    /// What came of asking providers about silent messages, of one kind; nothing where there was none.
    ReconcileInquiriesOf(Inquiry, usize),
    /// Actions that reconcile could not finish with.
    ReconcileFailed(usize),
}

/// What was lost or had stopped, and is driven again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repair {
    /// A block of targets that nobody wrote in time is on the queue again: its message was lost, or its worker stopped.
    Block,
    /// A parcel that nobody claimed in time is on the queue again: its message was lost.
    Parcel,
    /// A parcel whose claim died is on the queue again: its worker stopped.
    Claim,
    /// An action was made `delegated`: the worker that wrote its last block stopped before it could.
    Delegated,
    /// An action's fan-out was given up after it had been driven again too often.
    GivenUp,
}

impl Repair {
    /// Its name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Parcel => "parcel",
            Self::Claim => "claim",
            Self::Delegated => "delegated",
            Self::GivenUp => "given_up",
        }
    }
}

/// Which stored count was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drift {
    /// A chunk's counts were not those of its rows, and no note said that they might not be.
    Chunk,
    /// An action's counters were not the sum of its chunks, and none of those had been written since they were added up.
    Action,
    /// All rows of an action are written, and they are not as many as it has.
    Total,
}

impl Drift {
    /// Its name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::Action => "action",
            Self::Total => "total",
        }
    }
}

impl Metric {
    /// The names of all of them.
    pub const NAMES: [&'static str; 5] =
        ["ReconcileHeartbeat", "ReconcileRepairs", "ReconcileDrift", "ReconcileInquiries", "ReconcileFailed"];

    fn name(self) -> &'static str {
        let [heartbeat, repairs, drift, inquiries, failed] = Self::NAMES;
        match self {
            Self::ReconcileHeartbeat => heartbeat,
            Self::ReconcileRepairs(_) | Self::ReconcileRepairsOf(..) => repairs,
            Self::ReconcileDrift(_) | Self::ReconcileDriftOf(..) => drift,
            Self::ReconcileInquiriesOf(..) => inquiries,
            Self::ReconcileFailed(_) => failed,
        }
    }

    fn value(self) -> usize {
        match self {
            Self::ReconcileHeartbeat => 1,
            Self::ReconcileRepairs(value)
            | Self::ReconcileRepairsOf(_, value)
            | Self::ReconcileDrift(value)
            | Self::ReconcileDriftOf(_, value)
            | Self::ReconcileInquiriesOf(_, value)
            | Self::ReconcileFailed(value) => value,
        }
    }

    /// A kind has a time series of its own beside that of all kinds.
    fn kind(self) -> Option<&'static str> {
        match self {
            Self::ReconcileRepairsOf(kind, _) => Some(kind.as_str()),
            Self::ReconcileDriftOf(kind, _) => Some(kind.as_str()),
            Self::ReconcileInquiriesOf(kind, _) => Some(kind.as_str()),
            Self::ReconcileHeartbeat
            | Self::ReconcileRepairs(_)
            | Self::ReconcileDrift(_)
            | Self::ReconcileFailed(_) => None,
        }
    }

    fn line(self, function: Option<&str>, at: Timestamp) -> Value {
        let metrics = json!([{ "Name": self.name(), "Unit": "Count" }]);
        let mut line = json!({ self.name(): self.value() });
        let mut dimensions = Vec::new();
        for (name, value) in [(FUNCTION, function), (KIND, self.kind())] {
            if let Some(value) = value {
                dimensions.push(name);
                line[name] = value.into();
            }
        }
        line["_aws"] = json!({
            "Timestamp": at.millis(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics }],
        });
        line
    }
}

/// Writes a metric to standard output, where `CloudWatch` picks it up.
#[expect(clippy::print_stdout, reason = "the embedded metric format is lines on standard output")]
pub fn emit(clock: &dyn Clock, metric: Metric) {
    println!("{}", metric.line(FUNCTION_NAME.get().map(String::as_str), clock.now()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        Timestamp::from_secs(1)
    }

    #[test]
    fn a_metric_is_a_line_that_cloudwatch_understands() {
        let line = Metric::ReconcileRepairs(3).line(Some("tidings-dev-reconcile"), at());
        assert_eq!(
            (&line["ReconcileRepairs"], &line["FunctionName"]),
            (&json!(3), &json!("tidings-dev-reconcile"))
        );
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Metrics"][0]["Name"], "ReconcileRepairs");
        assert_eq!(
            (&directive["Namespace"], &directive["Dimensions"]),
            (&json!("Tidings"), &json!([["FunctionName"]]))
        );
        assert_eq!(line["_aws"]["Timestamp"], 1000);
    }

    #[test]
    fn a_kind_is_a_dimension_and_every_dimension_has_its_value_in_the_line() {
        let kinds = [
            Metric::ReconcileRepairsOf(Repair::Claim, 1),
            Metric::ReconcileDriftOf(Drift::Total, 1),
            Metric::ReconcileInquiriesOf(Inquiry::NotKnown, 1),
        ];
        for (metric, kind) in kinds.into_iter().zip(["claim", "total", "not_known"]) {
            let line = metric.line(Some("f"), at());
            assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["FunctionName", "Kind"]]));
            assert_eq!((&line["Kind"], &line["FunctionName"]), (&json!(kind), &json!("f")));
        }
        assert_eq!(
            Metric::ReconcileFailed(1).line(None, at())["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([[]])
        );
    }
}
