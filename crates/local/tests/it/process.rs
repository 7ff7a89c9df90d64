//! `tidings` itself as a process: how it starts, how it stops, and what is left when it is killed.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    stack::options,
    support::{eventually, probe, runs},
};

struct Running {
    child: Child,
    base_url: String,
}

impl Running {
    /// Starts `tidings` on the small template and waits for its `ready` line.
    fn start(folder: &Path) -> Self {
        let options = options(folder);
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidings"))
            .args(["up", "--empty", "--port", "0", "--data"])
            .arg(&options.data)
            .arg("--template")
            .arg(&options.template)
            .arg("--binaries")
            .arg(probe().parent().unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base_url =
            line.trim().strip_prefix("ready ").unwrap_or_else(|| panic!("it says {line:?}")).to_owned();
        Self { child, base_url }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// The processes that it has started.
    fn children(&self) -> Vec<u64> {
        let parent = format!("PPid:\t{}", self.child.id());
        let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok());
        ids.filter(|id| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            status.lines().any(|line| line == parent)
        })
        .collect()
    }
}

#[tokio::test]
async fn it_says_where_it_is_ready_and_ends_cleanly_on_a_signal() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Running::start(folder.path());
        assert!(running.base_url.starts_with("http://127.0.0.1:"));
        let children = running.children();
        assert!(!children.is_empty());
        running.signal(signal);
        assert!(running.child.wait().unwrap().success(), "{signal}");
        eventually("no process of a function is left", || !children.iter().any(|id| runs(*id))).await;
    }
}

#[tokio::test]
async fn after_a_kill_no_function_goes_on_and_the_next_start_finds_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path());
    let children = running.children();
    assert!(!children.is_empty());
    running.signal(Signal::SIGKILL);
    running.child.wait().unwrap();
    eventually("no process of a function is left", || !children.iter().any(|id| runs(*id))).await;

    let mut again = Running::start(folder.path());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = http.get(format!("{}/closed", again.base_url)).send().await.unwrap();
    assert_eq!(response.status(), 401);
    again.signal(Signal::SIGTERM);
    assert!(again.child.wait().unwrap().success());
}
