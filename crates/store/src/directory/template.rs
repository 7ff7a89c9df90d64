//! Message templates.

use aws_sdk_dynamodb::types::ReturnValue;
use domain::settings::{TemplateContent, TemplateSettings};
use domain::{OrgId, TemplateId};

use super::{Page, Put};
use crate::item::{Item, Reader, Writer, json, key, s};
use crate::{Result, Store, StoreError, keys};

impl Store {
    /// A template.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn template(&self, org: &OrgId, id: &TemplateId) -> Result<Option<TemplateSettings>> {
        let item = self.directory_item(&keys::org(org), &keys::template(id)).await?;
        item.as_ref().map(from_item).transpose()
    }

    /// Templates by id, beginning behind `after`; at most `limit`, and fewer if they are large.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn templates_page(
        &self,
        org: &OrgId,
        after: Option<&TemplateId>,
        limit: u16,
    ) -> Result<Page<TemplateSettings, TemplateId>> {
        let pk = keys::org(org);
        let start = after.map(|id| key(&pk, s(keys::template(id))));
        let answer = self
            .client
            .query()
            .table_name(&self.tables.directory)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", s(&pk))
            .expression_attribute_values(":prefix", s(keys::TEMPLATE))
            .set_exclusive_start_key(start)
            .limit(i32::from(limit))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::call("Query"))?;
        let items: Vec<TemplateSettings> = answer.items().iter().map(from_item).collect::<Result<_>>()?;
        let next = answer.last_evaluated_key.and_then(|_| items.last().map(|last| last.id.clone()));
        Ok(Page { items, next })
    }

    /// Writes a template.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn put_template(&self, org: &OrgId, template: &TemplateSettings) -> Result<Put> {
        let item = to_item(org, template);
        let request = self.client.put_item().table_name(&self.tables.directory).set_item(Some(item));
        let answer =
            request.return_values(ReturnValue::AllOld).send().await.map_err(StoreError::call("PutItem"))?;
        Ok(Put::from_old(answer.attributes.as_ref()))
    }

    /// Deletes a template, if it is there. What was sent with it keeps its own copy of the content.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn delete_template(&self, org: &OrgId, id: &TemplateId) -> Result<()> {
        self.delete_directory_item(&keys::org(org), &keys::template(id)).await
    }
}

/// The large texts stand by themselves: as JSON, a text of nothing but quotes would be twice as long, and a mail with two
/// parts of 100 KB would not fit into an item's 400 KB.
fn to_item(org: &OrgId, template: &TemplateSettings) -> Item {
    let mut template = template.clone();
    let (text, html) = match &mut template.content {
        TemplateContent::Sms { text, .. } | TemplateContent::WhatsApp { text, .. } => {
            (std::mem::take(text), None)
        }
        TemplateContent::Email { text, html, .. } => {
            (std::mem::take(text), html.as_mut().map(std::mem::take))
        }
    };
    Writer::default()
        .set("pk", s(keys::org(org)))
        .set("sk", s(keys::template(&template.id)))
        .set("data", json(&template))
        .set("body", s(text))
        .maybe("html", html.map(s))
        .done()
}

fn from_item(item: &Item) -> Result<TemplateSettings> {
    let read = Reader(item);
    let mut template: TemplateSettings = read.json("data")?;
    let body = read.text("body")?.to_owned();
    match &mut template.content {
        TemplateContent::Sms { text, .. } | TemplateContent::WhatsApp { text, .. } => *text = body,
        TemplateContent::Email { text, html, .. } => {
            *text = body;
            *html = read.text_opt("html")?.map(str::to_owned);
        }
    }
    Ok(template)
}
