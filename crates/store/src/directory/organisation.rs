//! The organisation's own settings.

use aws_sdk_dynamodb::types::ReturnValue;
use domain::OrgId;
use domain::settings::Organisation;

use super::Put;
use crate::item::{Reader, Writer, json, s};
use crate::{Result, Store, StoreError, keys};

impl Store {
    /// An organisation; `None` if it has never been set up.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn organisation(&self, org: &OrgId) -> Result<Option<Organisation>> {
        let item = self.directory_item(&keys::org(org), keys::ORG).await?;
        item.map(|item| Reader(&item).json("data")).transpose()
    }

    /// Writes an organisation's settings.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn put_organisation(&self, organisation: &Organisation) -> Result<Put> {
        let item = Writer::default()
            .set("pk", s(keys::org(&organisation.id)))
            .set("sk", s(keys::ORG))
            .set("data", json(organisation))
            .done();
        let request = self.client.put_item().table_name(&self.tables.directory).set_item(Some(item));
        let answer =
            request.return_values(ReturnValue::AllOld).send().await.map_err(StoreError::call("PutItem"))?;
        Ok(Put::from_old(answer.attributes.as_ref()))
    }
}
