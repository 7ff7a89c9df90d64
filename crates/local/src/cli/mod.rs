//! The command line of `cargo run`.

mod send;
mod token;
mod up;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

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
    Send(send::Send),
}

const DEFAULT_PORT: u16 = 3000;
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
        match self.command {
            None => up::run(self.up).await,
            Some(Command::Up(up)) => up::run(up).await,
            Some(Command::Token(token)) => token::run(&token),
            Some(Command::Send(send)) => send::run(&send).await,
        }
    }
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

    #[test]
    fn a_send_needs_a_text_and_recipients() {
        for bad in [
            vec!["send", "--channel", "sms", "--all"],
            vec!["send", "--channel", "sms", "--body", "Hi"],
            vec!["send", "--channel", "sms", "--body", "Hi", "--template", "t", "--all"],
            vec!["send", "--channel", "sms", "--body", "Hi", "--all", "--to", "m1"],
            vec!["send", "--channel", "fax", "--body", "Hi", "--all"],
        ] {
            let line = std::iter::once("tidings").chain(bad.iter().copied());
            assert!(Cli::try_parse_from(line).is_err(), "{bad:?}");
        }
    }
}
