//! `token`: a JWT for trying the API by hand.

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Args;

use super::{DEFAULT_ORG, Data, args::parse_duration};
use crate::{
    data::DataFolder,
    jwt::{Grant, Keys},
};

#[derive(Debug, Args)]
pub(super) struct Token {
    /// The organisation that the token is for.
    #[arg(long, default_value = DEFAULT_ORG)]
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
