//! What watches and what is measured agree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use domain::Inquiry;
use telemetry::{Drift, Metric, Repair};

fn infra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra")
}

fn text(file: &str) -> String {
    std::fs::read_to_string(infra().join(file)).expect("the file is there")
}

/// The words that follow `before` in a text, up to `after`.
fn between<'a>(text: &'a str, before: &str, after: &str) -> BTreeSet<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split_once(after)).map(|(word, _)| word).collect()
}

#[test]
fn every_alarm_names_a_runbook_and_every_runbook_has_its_alarm() {
    let alarms = text("alarms.yaml");
    let descriptions = between(&alarms, "AlarmDescription: \"", "\"\n");
    let named: BTreeSet<String> =
        descriptions.iter().filter_map(|it| it.split("Runbook: ").nth(1)).map(str::to_owned).collect();
    assert_eq!(alarms.matches("AWS::CloudWatch::Alarm").count(), alarms.matches("Runbook: ").count());
    let there: BTreeSet<String> = std::fs::read_dir(infra().join("runbooks"))
        .expect("the folder is there")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    assert_eq!(named, there);
}

#[test]
fn whatever_of_ours_is_watched_or_shown_is_measured() {
    let measured = BTreeSet::from(Metric::NAMES);
    let alarms = text("alarms.yaml");
    let watched = between(&alarms, "Namespace: Tidings\n      MetricName: ", "\n");
    assert!(watched.contains("ReconcileHeartbeat") && watched.is_subset(&measured), "{watched:?}");
    let dashboard = text("dashboard.yaml");
    assert_eq!(between(&dashboard, "[\"Tidings\", \"", "\""), measured, "each is shown");
}

#[test]
fn every_kind_is_shown() {
    let dashboard = text("dashboard.yaml");
    let shown = |metric: &str| {
        let of = |rest: &str| rest.split(']').next().map(str::to_owned);
        let series: Vec<String> = dashboard.split(metric).skip(1).filter_map(of).collect();
        series
            .iter()
            .flat_map(|it| between(it, "\"Kind\", \"", "\""))
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    let repairs = [Repair::Block, Repair::Parcel, Repair::Claim, Repair::Delegated, Repair::GivenUp];
    assert_eq!(shown("\"ReconcileRepairs\""), repairs.map(|kind| kind.as_str().to_owned()).into());
    let inquiries = Inquiry::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    assert_eq!(shown("\"ReconcileInquiries\""), inquiries);
    let readme = std::fs::read_to_string(infra().join("../crates/telemetry/README.md")).expect("it is there");
    for kind in repairs
        .map(Repair::as_str)
        .iter()
        .chain(&[Drift::Chunk, Drift::Action, Drift::Total].map(Drift::as_str))
    {
        assert!(readme.contains(&format!("| `{kind}` |")), "{kind} is defined");
    }
}
