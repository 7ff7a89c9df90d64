//! Household sense: which message of a send covers the others to the same address.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use domain::opt_out::AddressHash;
use domain::{Channel, MessageId, OrgId, Timestamp};
use ulid::Ulid;

use crate::batch::{Executed, Statement};
use crate::batch_get::Wanted;
use crate::item::{Item, Reader, key, n, s};
use crate::{Result, Store, keys};

/// Needed until the send's rows are written, however often that is begun again.
const KEPT_FOR: Duration = Duration::from_hours(30 * 24);

impl Store {
    /// Lets messages cover their addresses, each address at most once in `wanted`, and answers which message does: the one that asked first.
    /// Asking again changes nothing.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert; repeating is safe.
    pub async fn cover(
        &self,
        org: &OrgId,
        send: Ulid,
        wanted: &[(Channel, AddressHash, MessageId)],
        now: Timestamp,
    ) -> Result<HashMap<(Channel, AddressHash), MessageId>> {
        let ttl = (now + KEPT_FOR).secs();
        let pk = |channel: Channel, hash: &AddressHash| keys::cover(org, send, channel, hash.as_str());
        let statement = |(channel, hash, id): &(Channel, AddressHash, MessageId)| Statement {
            text: format!(
                "INSERT INTO \"{}\" VALUE {{'pk': ?, 'sk': ?, 'message': ?, 'ttl': ?}}",
                self.tables.bulk_actions
            ),
            parameters: vec![s(pk(*channel, hash)), s(keys::COVER), s(id.to_string()), n(ttl)],
        };
        let done = self.execute_all(wanted.iter().map(statement).collect()).await?;
        let mut covers = HashMap::new();
        let mut taken: BTreeMap<String, (Channel, AddressHash)> = BTreeMap::new();
        for ((channel, hash, id), executed) in wanted.iter().zip(done) {
            match executed {
                Executed::Done => drop(covers.insert((*channel, hash.clone()), *id)),
                Executed::Refused => drop(taken.insert(pk(*channel, hash), (*channel, hash.clone()))),
            }
        }
        let asked: Vec<Item> = taken.keys().map(|pk| key(pk.clone(), s(keys::COVER))).collect();
        let from = Wanted { table: &self.tables.bulk_actions, strong: true, attributes: None };
        for item in self.get_all(from, &asked).await? {
            let read = Reader(&item);
            let place = read.parsed("pk", |pk| taken.get(pk).cloned())?;
            covers.insert(place, read.parsed("message", |id| id.parse().ok())?);
        }
        Ok(covers)
    }
}
