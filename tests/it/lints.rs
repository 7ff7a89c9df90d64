//! The workspace's lints hold for every crate of ours.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn packages() -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata answers JSON");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let manifest = |package: &Value| {
        let path = package["manifest_path"].as_str().expect("a path");
        let text = std::fs::read_to_string(path).expect("every package has its manifest");
        (package["name"].to_string(), text)
    };
    packages.map(manifest).collect()
}

/// The lines of a table of a manifest.
fn table<'a>(manifest: &'a str, name: &str) -> Vec<&'a str> {
    let heading = format!("[{name}]");
    let lines = manifest.lines().map(str::trim).skip_while(|line| *line != heading).skip(1);
    lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty()).collect()
}

#[test]
fn no_crate_may_hold_unsafe_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let root = std::fs::read_to_string(root).expect("the workspace has its manifest");
    assert!(table(&root, "workspace.lints.rust").contains(&"unsafe_code = \"forbid\""));
    let packages = packages();
    assert!(packages.len() > 20, "all packages are looked at");
    for (name, manifest) in packages {
        assert_eq!(table(&manifest, "lints"), ["workspace = true"], "{name} keeps the workspace's lints");
        assert!(!manifest.contains("[lints."), "{name} has no lints of its own");
    }
}

#[test]
fn whatever_is_shared_is_named_once_with_its_version() {
    for (name, manifest) in packages() {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for line in table(&manifest, kind) {
                let shared = line.contains(".workspace = true") || line.contains("workspace = true,");
                assert!(
                    shared || line.starts_with('#'),
                    "{name}: {line} is not from [workspace.dependencies]"
                );
            }
        }
    }
}
