//! What a panic logs.

use std::process::Command;

/// Set in the process that panics.
const PANICS: &str = "TELEMETRY_TEST_PANICS";
const ADDRESS: &str = "zebulonia@parish.example.org";

#[test]
fn a_panic_is_logged_with_its_place_and_never_with_its_message() {
    if std::env::var_os(PANICS).is_some() {
        telemetry::init(Some("TRACE"));
        let thread = std::thread::spawn(|| -> () { panic!("nobody at {ADDRESS}") });
        assert!(thread.join().is_err());
        return;
    }
    let myself = std::env::current_exe().expect("this program");
    let output =
        Command::new(myself).env(PANICS, "1").arg("--nocapture").output().expect("this program runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("\"message\":\"panic\"") && text.contains("tests/panic.rs:"), "{text}");
    assert!(!text.contains(ADDRESS) && !text.contains("zebulonia"), "{text}");
}
