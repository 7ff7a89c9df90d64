//! What must be, and what we aim at.

use serde_json::{Value as Json, json};

/// A figure with its bounds. Most are the better the smaller they are.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    /// Its name in the JSON.
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    /// `None` was not measured in this run.
    pub(super) value: Option<f64>,
    pub(super) must: f64,
    pub(super) aim: f64,
    /// Whether it is the better the greater it is.
    pub(super) more_is_better: bool,
    /// Whether something else holds that is as good as the bound.
    otherwise: bool,
}

/// How a figure stands to its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As good as we aim at.
    Aim,
    /// As good as it must be.
    Must,
    /// Not as good as it must be.
    Missed,
    /// Not measured in this run.
    NotMeasured,
}

impl Budget {
    /// A figure that is to be small.
    pub(super) fn new(
        name: &'static str,
        what: &'static str,
        unit: &'static str,
        value: Option<f64>,
        [must, aim]: [f64; 2],
    ) -> Self {
        Self { name, what, unit, value, must, aim, more_is_better: false, otherwise: false }
    }

    /// A figure that is to be great.
    pub(super) fn at_least(self) -> Self {
        Self { more_is_better: true, ..self }
    }

    /// A figure that may be worse if `holds`.
    pub(super) fn or(self, holds: bool) -> Self {
        Self { otherwise: holds, ..self }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let within = |bound: f64| {
            self.value.map(|value| if self.more_is_better { value >= bound } else { value <= bound })
        };
        match (within(self.aim), within(self.must)) {
            (None, _) | (_, None) => Verdict::NotMeasured,
            (Some(true), _) => Verdict::Aim,
            (_, Some(true)) => Verdict::Must,
            _ if self.otherwise => Verdict::Must,
            _ => Verdict::Missed,
        }
    }

    pub(super) fn json(&self) -> Json {
        json!({
            "what": self.what, "unit": self.unit, "value": self.value, "must": self.must, "aim": self.aim,
            "verdict": self.verdict().name(),
        })
    }
}

impl Verdict {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Aim => "aim",
            Self::Must => "must",
            Self::Missed => "missed",
            Self::NotMeasured => "not measured",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_held_to_its_bounds() {
        let small = |value| Budget::new("a", "b", "s", value, [2.0, 1.0]).verdict();
        assert_eq!(small(Some(1.0)), Verdict::Aim);
        assert_eq!(small(Some(1.5)), Verdict::Must);
        assert_eq!(small(Some(2.5)), Verdict::Missed);
        assert_eq!(small(None), Verdict::NotMeasured);
        let great = |value| Budget::new("a", "b", "s", Some(value), [2.0, 3.0]).at_least().verdict();
        assert_eq!([great(3.5), great(2.5), great(1.0)], [Verdict::Aim, Verdict::Must, Verdict::Missed]);
    }
}
