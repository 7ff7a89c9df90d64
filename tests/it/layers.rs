//! The dependencies between our crates are as the README draws them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Who may depend on what, apart from test dependencies.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("wire", &["domain"]),
    ("telemetry", &["domain"]),
    ("store", &["domain"]),
    ("queue", &["domain", "wire"]),
    ("channels", &["domain", "wire"]),
    ("usecases", &["channels", "domain", "queue", "store", "telemetry", "wire"]),
    ("lambda", &["channels", "domain", "queue", "store", "telemetry", "usecases", "wire"]),
    ("engine", &[]),
    ("simulators", &[]),
    ("local", &["domain", "engine", "simulators"]),
    (
        "testing",
        &[
            "channels",
            "domain",
            "engine",
            "local",
            "queue",
            "simulators",
            "store",
            "telemetry",
            "usecases",
            "wire",
        ],
    ),
    // The simulation, which is a program as well as a test, and what must hold of every parser.
    (
        "tests",
        &[
            "channels",
            "domain",
            "engine",
            "lambda",
            "local",
            "store",
            "telemetry",
            "testing",
            "usecases",
            "wire",
        ],
    ),
];
/// What every function may use.
const OF_FUNCTIONS: &[&str] = &["channels", "lambda", "usecases"];

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata answers JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

#[test]
fn no_crate_depends_on_another_that_the_picture_does_not_show() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let packages = packages();
    let ours: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    for package in &packages {
        let name = package["name"].as_str().unwrap_or_default();
        let may = allowed.get(name).copied().unwrap_or(OF_FUNCTIONS);
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let on = dependency["name"].as_str().unwrap_or_default();
            let in_product = dependency["kind"].is_null();
            assert!(!in_product || !ours.contains(on) || may.contains(&on), "{name} may not depend on {on}");
        }
    }
}

#[test]
fn only_the_store_the_queue_and_the_mail_adapter_know_their_sdks() {
    let owners: &[(&str, &[&str])] = &[
        ("aws-sdk-dynamodb", &["store", "lambda", "local", "testing", "engine"]),
        ("aws-sdk-sqs", &["queue", "lambda", "local", "testing", "engine"]),
        ("aws-sdk-ses", &["channels", "lambda", "testing"]),
        (
            "tokio",
            &[
                "store",
                "queue",
                "channels",
                "lambda",
                "usecases",
                "engine",
                "simulators",
                "local",
                "testing",
                "tests",
            ],
        ),
    ];
    for package in packages() {
        let name = package["name"].as_str().unwrap_or_default();
        let is_function = package["manifest_path"].as_str().unwrap_or_default().contains("/functions/");
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let on = dependency["name"].as_str().unwrap_or_default();
            let Some((_, owners)) = owners.iter().find(|(sdk, _)| *sdk == on) else { continue };
            let allowed =
                !dependency["kind"].is_null() || owners.contains(&name) || (is_function && on == "tokio");
            assert!(allowed, "{name} may not depend on {on}");
        }
    }
}
