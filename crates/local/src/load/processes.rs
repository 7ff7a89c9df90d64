//! Processor time and memory of the functions' processes and of this program's threads, from Linux's `/proc` (proc(5)).

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};

use crate::stack::SIMULATORS_THREAD;

/// `/proc` counts processor time in hundredths of a second, whatever the kernel's own clock (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Processor time so far, or between two moments.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    /// By function.
    pub(super) functions: BTreeMap<String, Duration>,
    /// The local DynamoDB and SQS.
    pub(super) engine: Duration,
    pub(super) simulators: Duration,
    /// What is left of this program: gateway, pollers, runtime API, and the harness itself.
    pub(super) rest: Duration,
}

impl Times {
    /// So far.
    ///
    /// # Errors
    /// When there is no `/proc`.
    pub(super) fn now() -> Result<Self> {
        let mut times = Self::default();
        for process in functions()? {
            *times.functions.entry(process.name).or_default() += process.time;
        }
        let no_proc = "no /proc: the load harness needs Linux";
        for task in fs::read_dir("/proc/self/task").context(no_proc)? {
            let Some(thread) =
                fs::read_to_string(task?.path().join("stat")).ok().and_then(|s| Stat::read(&s))
            else {
                continue;
            };
            if thread.name.starts_with("engine-") {
                times.engine += thread.time;
            } else if thread.name.starts_with(SIMULATORS_THREAD) {
                times.simulators += thread.time;
            }
        }
        // Of the whole process and not of its other threads: the time of one that has ended would be lost.
        let whole = fs::read_to_string("/proc/self/stat").context(no_proc)?;
        let whole = Stat::read(&whole).context("/proc/self/stat does not read")?.time;
        times.rest = whole.saturating_sub(times.engine + times.simulators);
        Ok(times)
    }

    /// Since `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let functions = self.functions.iter().map(|(name, time)| {
            let before = earlier.functions.get(name).copied().unwrap_or_default();
            (name.clone(), time.saturating_sub(before))
        });
        Self {
            functions: functions.collect(),
            engine: self.engine.saturating_sub(earlier.engine),
            simulators: self.simulators.saturating_sub(earlier.simulators),
            rest: self.rest.saturating_sub(earlier.rest),
        }
    }

    /// Of the functions for which `which` holds.
    pub(super) fn of_functions(&self, which: impl Fn(&str) -> bool) -> Duration {
        self.functions.iter().filter(|(name, _)| which(name)).map(|(_, time)| *time).sum()
    }

    /// As JSON, in seconds.
    pub(super) fn json(&self) -> Json {
        let functions: BTreeMap<&str, f64> =
            self.functions.iter().map(|(name, time)| (name.as_str(), time.as_secs_f64())).collect();
        json!({
            "functions": functions, "engine": self.engine.as_secs_f64(),
            "simulators": self.simulators.as_secs_f64(), "gateway_and_pollers": self.rest.as_secs_f64(),
        })
    }
}

/// The most memory that a process of each function ever had, in bytes.
///
/// # Errors
/// When there is no `/proc`.
pub(super) fn peak_memory() -> Result<BTreeMap<String, u64>> {
    let mut peaks: BTreeMap<String, u64> = BTreeMap::new();
    for process in functions()? {
        let status = fs::read_to_string(format!("/proc/{}/status", process.id)).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let bytes = peak.and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) * 1024;
        let most = peaks.entry(process.name).or_default();
        *most = bytes.max(*most);
    }
    Ok(peaks)
}

struct Process {
    id: u32,
    name: String,
    time: Duration,
}

/// The children of this program, which are its functions.
fn functions() -> Result<Vec<Process>> {
    let own = std::process::id();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("no /proc: the load harness needs Linux")? {
        let entry = entry?;
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended in the meantime.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some(stat) = Stat::read(&stat).filter(|stat| stat.parent == own) else { continue };
        // The name in `stat` is cut off.
        let binary = fs::read_link(entry.path().join("exe")).ok();
        let name = binary.as_ref().and_then(|path| path.file_name()?.to_str()).unwrap_or(&stat.name);
        found.push(Process { id, name: name.to_owned(), time: stat.time });
    }
    Ok(found)
}

/// A line of `/proc/.../stat`.
struct Stat {
    name: String,
    parent: u32,
    /// In user and kernel mode.
    time: Duration,
}

impl Stat {
    fn read(line: &str) -> Option<Self> {
        // The name stands in parentheses and may hold some itself.
        let (before, after) = line.rsplit_once(')')?;
        let name = before.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = after.split_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse::<u32>().ok();
        Some(Self { name, parent: number(1)?, time: TICK * (number(11)? + number(12)?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_read_whatever_the_name() {
        let stat =
            Stat::read("42 (a) (b) S 7 42 42 0 -1 4194304 100 0 0 0 120 30 0 0 20 0 1 0 1 1 1").unwrap();
        assert_eq!((stat.name.as_str(), stat.parent), ("a) (b", 7));
        assert_eq!(stat.time, Duration::from_millis(1_500));
    }

    #[test]
    fn times_go_on() {
        let before = Times::now().unwrap();
        let mut sum = 0_u64;
        let began = std::time::Instant::now();
        while began.elapsed() < Duration::from_millis(60) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(Times::now().unwrap().since(&before).rest >= TICK, "{sum}");
    }
}
