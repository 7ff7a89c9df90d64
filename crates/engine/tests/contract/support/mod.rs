//! What every check uses: an engine with clients, its time, and the list of known divergences.

mod clock;
mod divergences;
mod environment;
mod world;

pub(crate) use clock::TestClock;
pub(crate) use environment::crash_folder;
pub(crate) use world::{World, clients};

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt;

/// The name of the check that this is written in, as in `DIVERGENCES.md`.
macro_rules! here {
    () => {{
        fn here() {}
        $crate::support::check_name(std::any::type_name_of_val(&here))
    }};
}
pub(crate) use here;

/// `contract::sqs::limits::a_check::{{closure}}::here` is `sqs::limits::a_check`.
pub(crate) fn check_name(path: &'static str) -> &'static str {
    let path = path.split_once("::").map_or(path, |(_, path)| path);
    path.split_once("::{{closure}}").map_or(path, |(path, _)| path)
}

/// Runs a check. One that the engine under test is known to fail has to fail: a divergence that has gone must leave
/// the list.
pub(crate) async fn contract(name: &'static str, check: impl AsyncFnOnce(World)) {
    let world = World::start(name);
    let known = divergences::find(&world.engine_name, name);
    let outcome = AssertUnwindSafe(check(world)).catch_unwind().await;
    match (outcome, known) {
        (Ok(()), None) => {}
        (Err(panic), None) => resume_unwind(panic),
        (Err(_), Some(divergence)) => eprintln!("{name} fails as listed: {divergence}"),
        (Ok(()), Some(divergence)) => {
            panic!("{name} passes now; take it off DIVERGENCES.md, where it says: {divergence}")
        }
    }
}
