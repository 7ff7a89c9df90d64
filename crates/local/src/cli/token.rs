//! `token`: a JWT for trying the API by hand.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::Data;
use crate::{
    data::DataFolder,
    jwt::{Grant, Keys},
};

#[derive(Debug, Args)]
pub(super) struct Token {
    /// The organisation that the token is for.
    #[arg(long, default_value = "demo")]
    org: String,
    /// What it allows, separated by commas.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "members.view,members.edit,messaging.view,messaging.send,messaging.manage"
    )]
    permissions: Vec<String>,
    /// The user that it names.
    #[arg(long, default_value = "developer")]
    sub: String,
    /// How long it holds, as in 30m, 12h or 7d.
    #[arg(long, default_value = "12h", value_parser = parse_duration)]
    ttl: Duration,
    #[command(flatten)]
    data: Data,
}

pub(super) fn run(token: &Token) -> Result<ExitCode> {
    let keys = Keys::load(&DataFolder::open(&token.data.data)?)?;
    let grant = Grant {
        org_id: token.org.clone(),
        sub: token.sub.clone(),
        permissions: token.permissions.clone(),
        ttl: token.ttl,
    };
    println!("{}", keys.sign(&grant)?);
    Ok(ExitCode::SUCCESS)
}

fn parse_duration(text: &str) -> Result<Duration> {
    let Some(unit) = text.chars().last() else { bail!("a time is a number with s, m, h or d") };
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => bail!("a time is a number with s, m, h or d"),
    };
    let count: u64 = text[..text.len() - 1].parse().context("a time begins with a number")?;
    Ok(Duration::from_secs(count.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(parse_duration("12h").unwrap(), Duration::from_hours(12));
        assert_eq!(parse_duration("90s").unwrap(), Duration::from_secs(90));
        for bad in ["", "12", "h", "-1h", "1ü"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
