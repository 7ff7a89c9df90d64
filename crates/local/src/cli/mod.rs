//! The command line of `cargo run`.

mod args;
mod cancel;
mod connection;
mod failures;
mod inbox;
mod load;
mod log;
mod message;
mod messages;
mod output;
mod pages;
mod progress;
mod retry;
mod send;
mod status;
mod token;
mod up;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use serde_json::Value as Json;

pub(crate) use progress::is_settled;

/// Tidings on this machine.
#[derive(Debug, Parser)]
#[command(name = "tidings", version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: up::Up,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the whole system (what happens without a command, too).
    Up(up::Up),
    /// Print a token that the running stack accepts.
    Token(token::Token),
    /// Send one message to many members and watch it until everyone is settled.
    Send(Box<send::Send>),
    /// Show one send: how far it is and what happened to it.
    Status(status::Status),
    /// List who did not get a send, and why.
    Failures(failures::Failures),
    /// Send again to those whom a send did not reach.
    Retry(retry::Retry),
    /// Call off a send that has not started.
    Cancel(cancel::Cancel),
    /// List messages, newest first.
    Log(log::Log),
    /// Show one message and all that happened to it.
    Message(message::Message),
    /// List what members write, show a conversation, answer in it.
    Inbox(inbox::Inbox),
    /// Measure a large send on a stack of its own, and hold it to the budgets.
    Load(load::Load),
}

const DEFAULT_PORT: u16 = 3000;
const DEFAULT_ORG: &str = crate::seed::ORG;
const DEFAULT_DATA: &str = "./.tidings";

/// The data folder, which all commands share.
#[derive(Debug, Args)]
struct Data {
    /// Where the stack keeps its data.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA)]
    data: PathBuf,
}

impl Data {
    fn is_default(&self) -> bool {
        self.data.as_os_str() == DEFAULT_DATA
    }
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// What went wrong, for the person at the terminal.
    pub async fn run(self) -> Result<ExitCode> {
        use Command as C;
        let (outcome, connection) = match self.command {
            None => return up::run(self.up).await,
            Some(C::Up(up)) => return up::run(up).await,
            Some(C::Token(token)) => return token::run(&token),
            Some(C::Load(load)) => return load::run(&load).await,
            Some(C::Send(send)) => (send::run(&send).await, send.connection),
            Some(C::Status(status)) => (status::run(&status).await, status.connection),
            Some(C::Failures(failures)) => (failures::run(&failures).await, failures.connection),
            Some(C::Retry(retry)) => (retry::run(&retry).await, retry.connection),
            Some(C::Cancel(cancel)) => (cancel::run(&cancel).await, cancel.connection),
            Some(C::Log(log)) => (log::run(&log).await, log.connection),
            Some(C::Message(message)) => (message::run(&message).await, message.connection),
            Some(C::Inbox(inbox)) => (inbox::run(&inbox).await, inbox.connection),
        };
        outcome.map_err(|error| connection.explain(error))
    }
}

/// The id in the answer to something that makes a resource.
pub(crate) fn id_of<'a>(resource: &'a Json, asked: &str) -> Result<&'a str> {
    resource["id"].as_str().with_context(|| format!("the answer to {asked} has no id"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn up_is_the_default_with_its_options() {
        let cli = Cli::try_parse_from(["tidings", "--port", "4000"]).unwrap();
        assert!(cli.command.is_none());
        let cli = Cli::try_parse_from(["tidings", "up", "--empty"]).unwrap();
        assert!(matches!(cli.command, Some(Command::Up(_))));
    }

    fn refused(lines: &[&str]) {
        for line in lines {
            let words = std::iter::once("tidings").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }

    #[test]
    fn a_send_needs_a_text_and_recipients() {
        refused(&[
            "send --channel sms --all",
            "send --body Hi --all",
            "send --channel sms --body Hi",
            "send --channel sms --body Hi --all --to m1",
            "send --channel sms --body Hi --all --unit choir",
            "send --channel sms --body Hi --to m1 --q ana",
            "send --channel sms --body Hi --to m/1",
            "send --channel sms --body Hi --all --parameter 1=x",
            "send --channel fax --body Hi --all",
            "send --channel sms --body Hi --all --at tomorrow",
            "send --channel sms,email --body Hi --all --routing some",
        ]);
    }

    #[test]
    fn commands_about_one_thing_need_its_id() {
        refused(&[
            "status",
            "failures",
            "retry",
            "cancel",
            "message",
            "status ba/1",
            "failures ba_1 --csv --json",
            "retry ba_1 --scope some",
            "log --status lost",
            "log --direction up",
            "inbox --reply Hi",
            "inbox cv_1 --unmatched",
            "inbox cv_1 --read --reply Hi",
        ]);
    }
}
