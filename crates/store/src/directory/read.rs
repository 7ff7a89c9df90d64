//! Reading items of the directory.

use crate::batch_get::Wanted;
use crate::item::{Item, key, s};
use crate::{Result, Store, StoreError};

/// Whether a read sees every write that was answered before it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consistency {
    /// It does, at twice the price.
    Strong,
    /// It may lag, usually by milliseconds.
    Eventual,
}

impl Store {
    /// One item of the directory, read strongly.
    pub(super) async fn directory_item(&self, pk: &str, sk: &str) -> Result<Option<Item>> {
        let found = self.get(&self.tables.directory, key(pk, s(sk))).await?;
        Ok(found)
    }

    pub(super) async fn delete_directory_item(&self, pk: &str, sk: &str) -> Result<()> {
        let request = self.client.delete_item().table_name(&self.tables.directory);
        request.set_key(Some(key(pk, s(sk)))).send().await.map_err(StoreError::call("DeleteItem"))?;
        Ok(())
    }

    /// The items of the directory that exist under `keys`, which are all different, in any order.
    pub(super) async fn directory_items(&self, keys: &[Item], consistency: Consistency) -> Result<Vec<Item>> {
        let strong = consistency == Consistency::Strong;
        let wanted = Wanted { table: &self.tables.directory, strong, attributes: None };
        self.get_all(wanted, keys).await
    }
}
