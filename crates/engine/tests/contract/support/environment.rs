//! Which engine the checks run against.

#[expect(
    clippy::disallowed_methods,
    reason = "tests of this crate have no configuration struct: two variables choose the engine"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The endpoint of the engine under test; `None` for the embedded one.
pub(crate) fn engine_url() -> Option<String> {
    variable("TIDINGS_ENGINE_URL")
}

/// The name of the engine under test in `DIVERGENCES.md`.
pub(crate) fn engine_name() -> String {
    match engine_url() {
        None => "embedded".to_owned(),
        Some(_) => variable("TIDINGS_ENGINE_NAME").unwrap_or_else(|| "ministack".to_owned()),
    }
}

/// Where the process that is to be killed keeps its data; `None` in any other process.
pub(crate) fn crash_folder() -> Option<String> {
    variable("TIDINGS_ENGINE_CRASH_FOLDER")
}
