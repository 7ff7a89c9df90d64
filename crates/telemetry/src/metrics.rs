//! Metrics, as lines in `CloudWatch`'s embedded metric format: nothing to flush, no client, no call.

use domain::{Clock, Timestamp};
use serde_json::{Value, json};

const NAMESPACE: &str = "Tidings";

/// Everything that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Reconcile finished a run. Its silence is an alarm.
    ReconcileHeartbeat,
    /// Blocks and parcels that reconcile had to put on their queues again. Outside faults this is zero.
    ReconcileDriven(usize),
    /// Actions that reconcile could not finish with.
    ReconcileFailed(usize),
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::ReconcileHeartbeat => "ReconcileHeartbeat",
            Self::ReconcileDriven(_) => "ReconcileDriven",
            Self::ReconcileFailed(_) => "ReconcileFailed",
        }
    }

    fn value(self) -> usize {
        match self {
            Self::ReconcileHeartbeat => 1,
            Self::ReconcileDriven(value) | Self::ReconcileFailed(value) => value,
        }
    }

    fn line(self, at: Timestamp) -> Value {
        let metrics = json!([{ "Name": self.name(), "Unit": "Count" }]);
        json!({
            "_aws": {
                "Timestamp": at.millis(),
                "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": metrics }],
            },
            self.name(): self.value(),
        })
    }
}

/// Writes a metric to standard output, where `CloudWatch` picks it up.
#[expect(clippy::print_stdout, reason = "the embedded metric format is lines on standard output")]
pub fn emit(clock: &dyn Clock, metric: Metric) {
    println!("{}", metric.line(clock.now()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_a_line_that_cloudwatch_understands() {
        let line = Metric::ReconcileDriven(3).line(Timestamp::from_secs(1));
        assert_eq!(line["ReconcileDriven"], 3);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "ReconcileDriven");
        assert_eq!(line["_aws"]["Timestamp"], 1000);
    }
}
