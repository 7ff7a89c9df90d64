//! template.yaml and the functions agree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use local::template::Function;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn functions() -> Vec<Function> {
    let template = testing::template().expect("the template is read");
    template.functions().expect("its functions are read")
}

/// The variables that a function's `config.rs` names, also by way of the part that several functions read.
fn configured(function: &str) -> BTreeSet<String> {
    let path = root().join("functions").join(function).join("src/config.rs");
    let mut text = std::fs::read_to_string(path).expect("every function has its config.rs");
    if text.contains("lambda::DispatchQueueUrls") {
        let path = root().join("crates/lambda/src/dispatch.rs");
        text += &std::fs::read_to_string(path).expect("the part is declared there");
    }
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_function_package_is_deployed_and_every_deployed_function_is_a_package() {
    let packages: BTreeSet<String> = std::fs::read_dir(root().join("functions"))
        .expect("the folder is there")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let deployed: BTreeSet<String> = functions().into_iter().map(|function| function.package).collect();
    assert_eq!(packages, deployed);
}

#[test]
fn each_function_finds_in_its_environment_what_it_reads_and_nothing_is_left_over() {
    let shared: BTreeSet<String> =
        ["TABLE_DIRECTORY", "TABLE_BULK_ACTIONS", "TABLE_MESSAGE_LOGS", "SECRETS_PREFIX"]
            .map(str::to_owned)
            .into();
    for function in functions() {
        let reads = configured(&function.package);
        let given: BTreeSet<String> = function.environment.keys().cloned().collect();
        let missing: Vec<_> = reads.difference(&given).collect();
        assert!(
            missing.is_empty(),
            "{} reads {missing:?}, which template.yaml does not set",
            function.package
        );
        let unused: Vec<_> = given.difference(&reads).filter(|name| !shared.contains(*name)).collect();
        assert!(unused.is_empty(), "{} is given {unused:?}, which it does not read", function.package);
    }
}

#[test]
fn the_local_stacks_certificate_host_is_never_set_in_aws() {
    let text = std::fs::read_to_string(root().join("template.yaml")).expect("the template is there");
    assert!(!text.contains("SNS_CERT_HOST") && !text.contains("SECRETS_FILE"));
}
