//! The stack as a process of its own: the real `tidings up` with the real processes of its functions, to be killed as a power cut or the system
//! would kill it.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use local::build_functions::{Build, workspace};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::sync::OnceCell;

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_mins(1);

/// The folder of `tidings` and of the functions, all of them built once.
pub(crate) async fn programs() -> &'static Path {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    let build = async || {
        let build = Build::of_this_program().expect("cargo put this program where it puts one");
        let folders = std::fs::read_dir(workspace().join("functions")).expect("the functions");
        let names =
            folders.map(|folder| folder.expect("a function").file_name().into_string().expect("a name"));
        let mut functions: Vec<String> = names.collect();
        functions.sort();
        build.run(&functions).await.expect("the functions build");
        build.build(&["local".to_owned()]).await.expect("`tidings` builds");
        build.binaries
    };
    BUILT.get_or_init(build).await
}

/// Where a stack lives, however often it is killed and started again.
#[derive(Debug)]
pub(crate) struct Home {
    folder: tempfile::TempDir,
    /// 0 until the first start has found one.
    port: u16,
    /// What runs there instead of the workspace's template.
    template: Option<PathBuf>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), port: 0, template: None }
    }

    /// The same for a system in which `edit` has changed some lines of the template.
    pub(crate) fn of_template(edit: impl FnOnce(String) -> String) -> Self {
        let home = Self::new();
        let text = std::fs::read_to_string(workspace().join("template.yaml")).expect("the template");
        let template = home.folder.path().join("template.yaml");
        std::fs::write(&template, edit(text)).expect("a file");
        // The template includes what lies beside it.
        let infra = home.folder.path().join("infra");
        std::os::unix::fs::symlink(workspace().join("infra"), infra).expect("a link");
        Self { template: Some(template), ..home }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Leaves the folder behind for somebody who looks into a failure.
    pub(crate) fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// What the stack itself has said in all its lives.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("stack.log")
    }

    /// Starts the stack without waiting for anything.
    pub(crate) async fn spawn(&self) -> Running {
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).expect("a log");
        let template = self.template.iter().flat_map(|file| [OsStr::new("--template"), file.as_os_str()]);
        let child = Command::new(programs().await.join("tidings"))
            .args(["up", "--no-build", "--port", &self.port.to_string(), "--data"])
            .arg(self.data())
            .args(template)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            // A group of its own: one signal takes it, and none that is meant for the tests reaches it.
            .process_group(0)
            .spawn()
            .expect("`tidings` runs");
        Running { guard: Some(Guard::over(&child)), child }
    }

    /// Starts the stack and waits until it serves; what it said if it ends instead.
    pub(crate) async fn start(&mut self) -> Result<Running, String> {
        let said = self.log().len();
        let mut running = self.spawn().await;
        match running.ready().await {
            Some(base_url) => {
                let port = base_url.rsplit(':').next().and_then(|port| port.parse().ok());
                self.port = port.expect("a port at the end");
                Ok(running)
            }
            None => Err(self.log()[said..].to_owned()),
        }
    }

    /// The address of the stack, wherever it was when it last served.
    pub(crate) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// A running stack; killed when dropped, with all its functions.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    guard: Option<Guard>,
}

/// A process of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) pid: u32,
    pub(crate) name: String,
}

impl Running {
    /// The address in its line `ready ...`; `None` if it ends without one.
    async fn ready(&mut self) -> Option<String> {
        let stdout = self.child.stdout.take().expect("its output");
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        let line = tokio::time::timeout(START, line).await.expect("the stack says that it is ready, or ends");
        let line = line.expect("a thread").expect("its output can be read");
        line.trim().strip_prefix("ready ").map(str::to_owned)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The processes of its functions, as they are now.
    pub(crate) fn functions(&self) -> Vec<Function> {
        children(self.pid())
    }

    /// Everything ends at once, as when the power fails. Answers which functions were running.
    pub(crate) fn cut_power(mut self) -> Vec<Function> {
        self.end_all()
    }

    /// Only the stack itself is killed, and its functions find themselves alone. Answers which.
    pub(crate) fn kill_alone(mut self) -> Vec<Function> {
        let functions = self.functions();
        self.end();
        functions
    }

    /// It is asked to end and ends by itself.
    pub(crate) async fn stop(mut self) {
        self.ask_to_stop();
        let until = Instant::now() + START;
        while self.child.try_wait().expect("a child").is_none() {
            assert!(Instant::now() < until, "the stack did not stop when it was asked to");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn ask_to_stop(&self) {
        kill(pid(self.pid()), Signal::SIGTERM).expect("the stack runs");
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    fn end_all(&mut self) -> Vec<Function> {
        let functions = self.functions();
        self.end();
        functions.iter().for_each(Function::kill);
        functions
    }

    fn end(&mut self) {
        drop(self.guard.take());
        // It may have ended by itself: then the number is still its own, since nobody has waited for it.
        killpg(pid(self.pid()), Signal::SIGKILL).ok();
        self.child.wait().expect("a child");
    }

    /// Ends the guard as if this process had ended, which is what it waits for.
    pub(crate) fn abandon(&mut self) {
        drop(self.guard.as_mut().and_then(|guard| guard.0.stdin.take()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.guard.is_some() {
            self.end_all();
        }
    }
}

/// Kills the stack should this process end without having done so: a test that is killed leaves nothing behind either.
#[derive(Debug)]
struct Guard(Child);

impl Guard {
    fn over(child: &Child) -> Self {
        let guard = Command::new("sh")
            // It reads to the end of a pipe whose other end is ours.
            .args(["-c", "read -r _; kill -KILL \"-$1\"", "guard", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        Self(guard.expect("a shell"))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.kill().expect("the guard can be ended");
        self.0.wait().expect("a child");
    }
}

impl Function {
    pub(crate) fn kill(&self) {
        // It may have ended in the meantime, and its number may be another's.
        if self.runs() {
            kill(pid(self.pid), Signal::SIGKILL).ok();
        }
    }

    /// Whether it is still there, and not only as an entry that nobody has collected.
    pub(crate) fn runs(&self) -> bool {
        state(self.pid).is_some_and(|(state, _)| state != 'Z') && name(self.pid).as_ref() == Some(&self.name)
    }

    /// Whether it hands messages to a provider.
    pub(crate) fn is_dispatcher(&self) -> bool {
        self.name.starts_with("dispatch-")
    }

    /// A variable of its environment.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let all = std::fs::read(format!("/proc/{}/environ", self.pid)).ok()?;
        let mut entries = all.split(|byte| *byte == 0).filter_map(|entry| std::str::from_utf8(entry).ok());
        entries.find_map(|entry| entry.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).expect("a process id"))
}

/// A process's state and parent.
fn state(pid: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// The file name of its program.
fn name(pid: u32) -> Option<String> {
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let name = program.file_name()?.to_str()?;
    // So it reads once the program was built anew.
    Some(name.trim_end_matches(" (deleted)").to_owned())
}

fn children(parent: u32) -> Vec<Function> {
    let entries = std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let ours = pids.filter(|pid| state(*pid).is_some_and(|(state, of)| of == parent && state != 'Z'));
    ours.filter_map(|pid| Some(Function { pid, name: name(pid)? })).collect()
}

/// A template in which a queue hides what was received for so many seconds only.
pub(crate) fn hiding_for(template: &str, queue: &str, seconds: u32) -> String {
    let name = format!("QueueName: !Sub tidings-${{Stage}}-{queue}\n      VisibilityTimeout: ");
    let (before, after) = template.split_once(&name).expect("the queue");
    let (_, after) = after.split_once('\n').expect("further lines");
    format!("{before}{name}{seconds}\n{after}")
}

/// Waits until something holds; fails after `within`.
pub(crate) async fn eventually(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + within;
    while !holds() {
        assert!(Instant::now() < until, "within {within:?} it did not come true that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
