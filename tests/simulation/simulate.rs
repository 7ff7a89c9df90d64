//! `cargo run --release -p tests --bin simulate -- --seeds 100000 [--from N]`: as many simulations as wanted, with progress. Exit status 1 if
//! any fails; its number replays it exactly.

use std::io::Write;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use tests::simulation::{Run, Sabotage, run};

/// A third of a simulation's time goes into small allocations with the system's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The last seed from which as many as anybody waits for can be counted.
const LAST: u64 = u64::MAX >> 1;
/// After how many seeds a line says so where no bar can be drawn.
const EACH: u64 = 5_000;
/// The most broken promises of one seed that are told.
const SHOWN: usize = 5;

/// Simulates the whole system, one seed after the other, and holds it to its promises.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=LAST))]
    from: u64,
    /// How many run at once; as many as there are processors if left out.
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// Runs a careless version, which must be caught: `NoClaim`, `NoMark`, ...; `all` tells for each when and by what.
    #[arg(long)]
    sabotage: Option<String>,
    /// Prints the whole diary of every seed.
    #[arg(long)]
    diary: bool,
    /// Ends after this many seeds that failed.
    #[arg(long, default_value = "5")]
    failures: NonZero<usize>,
}

impl Arguments {
    fn range(&self) -> std::ops::Range<u64> {
        self.from..self.from.saturating_add(self.seeds)
    }
}

/// Writes a line for whoever reads. If nobody does any more (`| head`), that is the end.
fn say(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(141);
    }
}

#[expect(clippy::print_stderr, reason = "a program for people")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.sabotage.as_deref() {
        Some("all") => {
            let caught = Sabotage::ALL.iter().filter(|sabotage| catch(&arguments, **sabotage)).count();
            say(&format!("{caught} of {} careless versions were caught", Sabotage::ALL.len()));
            if caught == Sabotage::ALL.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Some(name) => {
            let named = Sabotage::ALL.into_iter().find(|sabotage| format!("{sabotage:?}") == name);
            if named.is_none() {
                eprintln!("there is no careless version {name}; there are {:?}", Sabotage::ALL);
                return ExitCode::FAILURE;
            }
            simulate(&arguments, named)
        }
        None => simulate(&arguments, None),
    }
}

/// Whether a careless version is caught within the seeds.
fn catch(arguments: &Arguments, sabotage: Sabotage) -> bool {
    let seeds = arguments.range();
    let caught = seeds.clone().map(|seed| run(seed, Some(sabotage))).find(|run| !run.violations.is_empty());
    let name = format!("{sabotage:?}");
    if let Some(run) = &caught {
        let after = run.seed - arguments.from + 1;
        say(&format!("{name:<20} caught after {after:>4} seeds: {}", run.violations[0]));
    } else {
        say(&format!("{name:<20} NOT CAUGHT in {} seeds", arguments.seeds));
    }
    caught.is_some()
}

fn simulate(arguments: &Arguments, sabotage: Option<Sabotage>) -> ExitCode {
    let next = AtomicU64::new(arguments.from);
    let end = arguments.range().end;
    let ran = AtomicU64::new(0);
    let accepted = AtomicUsize::new(0);
    let failed: Mutex<Vec<Run>> = Mutex::default();
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left; {msg}");
    let bar = ProgressBar::new(arguments.seeds).with_style(style.expect("the template is well formed"));
    let began = std::time::Instant::now();
    let threads = arguments.threads.or_else(|| std::thread::available_parallelism().ok());
    std::thread::scope(|scope| {
        for _ in 0..threads.map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let run = run(seed, sabotage);
                    accepted.fetch_add(run.tally.accepted, Ordering::Relaxed);
                    let done = ran.fetch_add(1, Ordering::Relaxed) + 1;
                    bar.inc(1);
                    if bar.is_hidden() && done.is_multiple_of(EACH) {
                        say(&format!("{done} of {} seeds", arguments.seeds));
                    }
                    if arguments.diary {
                        bar.suspend(|| say(&run.diary));
                    }
                    if run.violations.is_empty() {
                        continue;
                    }
                    bar.suspend(|| tell(&run));
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    failed.push(run);
                    bar.set_message(format!("{} failed", failed.len()));
                    if failed.len() >= arguments.failures.get() {
                        next.store(end, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    let ran = ran.into_inner();
    let mut failed: Vec<u64> =
        failed.into_inner().unwrap_or_else(PoisonError::into_inner).iter().map(|run| run.seed).collect();
    failed.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = ran as f64 / began.elapsed().as_secs_f64();
    say(&format!(
        "{ran} seeds from {}: {} failed {failed:?}; {} messages accepted; {rate:.1} seeds per second",
        arguments.from,
        failed.len(),
        accepted.into_inner()
    ));
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(run: &Run) {
    let more = match run.violations.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    let shown: Vec<&str> = run.violations.iter().take(SHOWN).map(String::as_str).collect();
    say(&format!("\nseed {} FAILED\n  {}{more}\n\n{}", run.seed, shown.join("\n  "), run.story));
}
