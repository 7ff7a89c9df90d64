//! `failures`: who did not get a send, and why.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::Value as Json;

use super::{
    args::parse_id,
    connection::Connection,
    output::{self, Column, Screen, Table, code_count, field, time},
    pages::{List, Pages, take_items},
};
use crate::api::Api;

/// The most lines that the API gives in one page of CSV.
const CSV_LIMIT: usize = 10_000;

#[derive(Debug, Args)]
pub(super) struct Failures {
    /// The bulk action.
    #[arg(value_parser = parse_id)]
    id: String,
    /// Only those with this code.
    #[arg(long)]
    code: Option<String>,
    /// Print a CSV file.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    pub(super) connection: Connection,
}

pub(super) async fn run(failures: &Failures) -> Result<ExitCode> {
    let api = failures.connection.api()?;
    let list = List::new(format!("/bulk-actions/{}/failed-items", failures.id))
        .with("code", failures.code.as_deref());
    if failures.csv {
        stream_csv(&api, &list).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let (items, counts) = read(&api, &list).await?;
    if failures.connection.json {
        output::print_json(&Json::Array(items))?;
    } else {
        output::print(&text(&items, &counts, Screen::stdout()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// All items, and the counts of the whole action, which each page repeats.
async fn read(api: &Api, list: &List) -> Result<(Vec<Json>, Json)> {
    let (mut items, mut counts) = (Vec::new(), Json::Null);
    let mut pages = Pages::new(api, list);
    while let Some(mut page) = pages.next().await? {
        items.extend(take_items(&mut page));
        counts = page["counts"].take();
    }
    Ok((items, counts))
}

/// Every page has a header line; the file has it once.
async fn stream_csv(api: &Api, list: &List) -> Result<()> {
    let mut page = api.get_csv(&list.page(CSV_LIMIT, None)).await?;
    let header = page.text.split_inclusive('\n').next().unwrap_or_default().to_owned();
    let mut text = page.text.as_str();
    while output::write(text)?.is_continue()
        && let Some(next) = page.next
    {
        page = api.get_csv(&next).await?;
        text = page.text.strip_prefix(&header).unwrap_or(&page.text);
    }
    Ok(())
}

fn text(items: &[Json], counts: &Json, screen: Screen) -> String {
    let mut table = Table::new([
        Column::Text("time (utc)"),
        Column::Text("member"),
        Column::Text("channel"),
        Column::Text("address"),
        Column::Text("code"),
        Column::Text("reason"),
    ]);
    for item in items {
        table.push([
            time(item, "at"),
            field(item, "member_id"),
            field(item, "channel"),
            field(item, "address"),
            field(item, "code"),
            reason(item),
        ]);
    }
    let table = table.text_if_any(screen);
    let counts: Vec<String> = counts
        .as_object()
        .into_iter()
        .flatten()
        .map(|(code, count)| code_count(code, count.as_u64().unwrap_or_default(), ""))
        .collect();
    match (table.is_empty(), counts.is_empty()) {
        (true, true) => "nobody failed or was skipped\n".to_owned(),
        (true, false) => format!("nobody with this code; in the whole send:\n{}", counts.concat()),
        (false, true) => table,
        (false, false) => format!("{table}\nin the whole send\n{}", counts.concat()),
    }
}

fn reason(item: &Json) -> String {
    let (message, provider) = (field(item, "message"), field(item, "provider_code"));
    if provider.is_empty() { message } else { format!("{message} ({provider})") }
}
