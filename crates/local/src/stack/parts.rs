//! What a stack is put together from.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use anyhow::{Context, Result};
use engine::{Engine, EngineOptions};

use super::{Binaries, StackOptions};
use crate::{
    build_functions::Build,
    data::DataFolder,
    jwt, secrets,
    template::{ACCOUNT, REGION, Template},
};

/// Values of the template's parameters on this machine.
pub(super) fn parameters(base_url: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("Stage", "local".to_owned()),
        ("PublicBaseUrl", base_url.to_owned()),
        ("JwtIssuer", jwt::ISSUER.to_owned()),
        ("JwtAudience", jwt::AUDIENCE.to_owned()),
        ("AllowedOrigins", base_url.to_owned()),
    ])
}

/// The topic that SES reports to, as the template tells a function, so that the simulator's events are believed.
pub(super) fn topic(template: &Template) -> Result<String> {
    let mut functions = template.functions()?.into_iter();
    let named = functions.find_map(|mut function| function.environment.remove("SNS_TOPIC_ARN"));
    Ok(named.unwrap_or_else(|| format!("arn:aws:sns:{REGION}:{ACCOUNT}:events")))
}

/// The folder of the function binaries, which are built first if that is the choice.
pub(super) async fn binaries(choice: &Binaries, template: &Template) -> Result<PathBuf> {
    let packages: BTreeSet<String> =
        template.functions()?.into_iter().map(|function| function.package).collect();
    let packages: Vec<String> = packages.into_iter().collect();
    match choice {
        Binaries::In(folder) => Ok(folder.clone()),
        Binaries::Present => {
            let build = Build::of_this_program()?;
            build.check(&packages)?;
            Ok(build.binaries)
        }
        Binaries::Build => {
            let build = Build::of_this_program()?;
            build.run(&packages).await?;
            Ok(build.binaries)
        }
    }
}

/// What a stack keeps and cannot make again: opt-outs are keyed with one of the secrets, and the ledger says what was sent.
pub(super) fn kept(options: &StackOptions) -> &'static [&'static str] {
    let all = &[secrets::FILE, "simulators/simulators.sqlite", "engine/dynamodb.sqlite", "engine/sqs.sqlite"];
    if options.engine.is_some() { &all[..2] } else { all }
}

/// The embedded engine, unless another is to be used, and where DynamoDB and SQS are.
pub(super) fn engine(options: &StackOptions, data: &DataFolder) -> Result<(Option<Engine>, String, String)> {
    if let Some(url) = &options.engine {
        return Ok((None, url.clone(), url.clone()));
    }
    let tap = options.watch.as_ref().map(|watch| watch.aws.clone());
    let engine = EngineOptions { data: Some(data.join("engine")), tap, ..EngineOptions::default() };
    let engine = Engine::start(engine).context("the embedded engine does not start")?;
    let (dynamodb, sqs) = (engine.dynamodb_url(), engine.sqs_url());
    Ok((Some(engine), dynamodb, sqs))
}
