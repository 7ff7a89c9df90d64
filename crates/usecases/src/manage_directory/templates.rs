//! Message templates.

use domain::permission::Caller;
use domain::settings::{TemplateSettings, TemplateStatus};
use domain::{Channel, TemplateId};
use wire::api::fields::Body;
use wire::api::http::{Reply, Request};
use wire::api::list::List;
use wire::api::problem::Problem;
use wire::api::template::{TemplateView, read_template};

use super::{Directory, id_in_path, status_of};
use crate::query::{Query, refused};
use crate::{Refused, cursor};

/// Templates that are read at once.
const BATCH: u16 = 50;
/// Templates that a request looks at before it answers with what it has.
const MAX_EXAMINED: usize = 2_000;
/// What the templates of a page may come to, in bytes: one may have 200 KB, and a function may answer with 6 MB.
const MAX_BYTES: usize = 2_000_000;

/// Templates have no time of creation and are listed by their ids.
pub(super) async fn list(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let query = Query::parse(request, &["channel", "status", "limit", "cursor"])?;
    let channel = query.choice("channel", &Channel::ALL, Channel::as_str)?;
    let statuses = TemplateStatus::NAMES.map(|(_, status)| status);
    let status = query.choice("status", &statuses, TemplateStatus::as_str)?;
    let limit = query.limit(200)?;
    let list = format!("templates?{}", query.filters());
    let mut after: Option<TemplateId> = match query.text("cursor") {
        None => None,
        Some(given) => Some(cursor::open(deps.store.keys(), org, &list, given).ok_or_else(foreign_cursor)?),
    };
    let matches = |template: &TemplateSettings| {
        channel.is_none_or(|channel| template.channel() == channel)
            && status.is_none_or(|status| template.status == status)
    };

    let mut found: Vec<TemplateSettings> = Vec::new();
    let (mut bytes, mut examined) = (0, 0);
    'pages: loop {
        let page = deps.store.templates_page(org, after.as_ref(), BATCH).await?;
        let ends = page.next.is_none();
        let count = page.items.len();
        for (number, template) in page.items.into_iter().enumerate() {
            examined += 1;
            after = Some(template.id.clone());
            if matches(&template) {
                bytes += size(&template);
                found.push(template);
            }
            let is_last = ends && number + 1 == count;
            if !is_last && (found.len() >= limit || bytes >= MAX_BYTES || examined >= MAX_EXAMINED) {
                break 'pages;
            }
        }
        if ends {
            after = None;
            break;
        }
    }
    let next_cursor = after.map(|after| cursor::seal(deps.store.keys(), org, &list, &after));
    let items: Vec<TemplateView<'_>> = found.iter().map(TemplateView::from).collect();
    Ok(Reply::json(200, &List { items, next_cursor }))
}

fn size(template: &TemplateSettings) -> usize {
    serde_json::to_vec(template).map_or(0, |json| json.len())
}

pub(super) fn foreign_cursor() -> Refused {
    refused("cursor", "must be the next_cursor of the page before, with the same filters")
}

pub(super) async fn get(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    Query::parse(request, &[])?;
    let id: TemplateId = id_in_path(request, "template")?;
    let template = deps.store.template(&caller.org_id, &id).await?;
    let template = template.ok_or_else(|| Problem::not_found("template"))?;
    Ok(Reply::json(200, &TemplateView::from(&template)))
}

pub(super) async fn put(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let id: TemplateId = id_in_path(request, "template")?;
    let body = Body::of(request)?;
    let template = read_template(&body, &id)?;
    let put = deps.store.put_template(&caller.org_id, &template).await?;
    Ok(Reply::json(status_of(put), &TemplateView::from(&template)))
}

pub(super) async fn delete(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let id: TemplateId = id_in_path(request, "template")?;
    deps.store.delete_template(&caller.org_id, &id).await?;
    Ok(Reply::empty(204))
}
