//! The demo organisation of an empty data folder, written through the stack's own HTTP API.
//!
//! Every write replaces what is there, so a seed that was interrupted is simply done again at the next start.

mod content;
mod members;

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use crate::{
    Stack,
    api::Api,
    data::{DAMAGED, DataFolder},
    jwt::Grant,
};

/// The demo organisation's id.
pub const ORG: &str = "demo";
/// Says in the data folder what it began with.
const MARKER: &str = "seeded";
const WITH_DEMO: &str = "demo\n";
const EMPTY: &str = "empty\n";

/// The number of the demo organisation's members.
pub fn member_count() -> usize {
    members::all().len()
}

/// Whether the folder began with the demo organisation.
pub fn is_demo(data: &DataFolder) -> bool {
    data.read(MARKER).ok().flatten().as_deref() == Some(WITH_DEMO)
}

/// Whether a stack has used the folder before, and so whether everything must be there that it keeps in it.
///
/// # Errors
/// When what the folder says of that cannot be read.
pub fn was_used(data: &DataFolder) -> Result<bool> {
    match data.read(MARKER)?.as_deref() {
        None => Ok(false),
        Some(WITH_DEMO | EMPTY) => Ok(true),
        Some(_) => bail!(
            "{} says neither `demo` nor `empty`, so that nobody knows what the folder began with; {DAMAGED}",
            data.join(MARKER).display()
        ),
    }
}

/// Seeds the stack's data folder if it is new and `wanted`; a new folder that begins empty stays so.
///
/// # Errors
/// When the API refuses something.
pub async fn run_once(stack: &Stack, wanted: bool) -> Result<()> {
    if was_used(stack.data())? {
        return Ok(());
    }
    if wanted {
        write(stack).await.context("the demo organisation cannot be written")?;
    }
    stack.data().write_private(MARKER, if wanted { WITH_DEMO } else { EMPTY })
}

async fn write(stack: &Stack) -> Result<()> {
    let permissions = ["members.edit", "members.view", "messaging.manage"];
    let token = stack.token(&Grant {
        org_id: ORG.into(),
        sub: "seed".into(),
        permissions: permissions.map(str::to_owned).to_vec(),
        ttl: Duration::from_mins(10),
    })?;
    let api = Api::new(stack.base_url(), token)?;
    api.put("/organisation", &content::organisation()).await?;
    for (channel, settings) in content::channels() {
        api.put(&format!("/channels/{channel}"), &settings).await?;
    }
    for (id, template) in content::templates() {
        api.put(&format!("/templates/{id}"), &template).await?;
    }
    let members = members::all();
    let answer = api.post("/members/import", &json!({ "members": members })).await?;
    ensure!(answer["imported"] == members.len(), "members were refused: {}", answer["errors"]);
    api.put(&format!("/members/{}/opt-outs/sms", members::OPTED_OUT), &json!({})).await?;
    Ok(())
}
