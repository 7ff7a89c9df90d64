//! A store on an engine of its own, and what the tests say to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use domain::member::{Address, Member};
use domain::opt_out::{AddressHash, Change, Lifter, Source};
use domain::{Channel, MemberId, OrgId, Timestamp};
use engine::{Engine, EngineOptions};
use serde_json::{Value, json};

use crate::Store;
use crate::directory::read::Consistency;
use crate::directory::{AddressKeys, MemberFilter, Recorded, Selection, Written};
use crate::test_engine::{config, directory_by};

pub(super) const COUNTRY: &str = "GB";

pub(super) struct World {
    _engine: Engine,
    pub(super) store: Store,
    pub(super) org: OrgId,
    faults: Faults,
}

/// Loses the answer of the n-th call from now: DynamoDB has carried it out, and the caller does not learn it.
#[derive(Debug, Clone, Default)]
struct Faults(Arc<AtomicI64>);

impl Intercept for Faults {
    fn name(&self) -> &'static str {
        "Faults"
    }

    fn read_before_deserialization(
        &self,
        _context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 1 { Err("the answer was lost".into()) } else { Ok(()) }
    }
}

impl World {
    pub(super) async fn start() -> Self {
        let engine = Engine::start(EngineOptions::default()).unwrap();
        let faults = Faults::default();
        let config = config(&engine.dynamodb_url()).interceptor(faults.clone());
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        let store = directory_by(client, AddressKeys::new(&[7; 32]).unwrap()).await;
        Self { _engine: engine, store, org: "demo".parse().unwrap(), faults }
    }

    /// Loses the answer of the `call`-th call from now, counted from 1.
    pub(super) fn lose_answer(&self, call: i64) {
        self.faults.0.store(call, Ordering::SeqCst);
    }

    /// Whether the fault that was set has happened.
    pub(super) fn fault_happened(&self) -> bool {
        self.faults.0.load(Ordering::SeqCst) <= 0
    }

    pub(super) async fn put(&self, member: Value) -> Written {
        self.store.put_member(&self.org, parse(member), COUNTRY, at(1)).await.unwrap()
    }

    pub(super) async fn delete(&self, id: &str) {
        self.store.delete_member(&self.org, &id.parse().unwrap(), at(1)).await.unwrap();
    }

    pub(super) fn hash(&self, address: &str) -> AddressHash {
        self.store.address_hash(&self.org, &Address::stored(address.into()))
    }

    pub(super) async fn stop(&self, address: &str, channel: Channel, secs: i64) -> Recorded {
        let (hash, at) = (self.hash(address), at(secs));
        self.store.opt_out_address(&self.org, channel, &hash, Source::Keyword, at, at).await.unwrap()
    }

    pub(super) async fn begin(&self, address: &str, channel: Channel, secs: i64) -> Recorded {
        let (hash, at) = (self.hash(address), at(secs));
        self.store.opt_in_address(&self.org, channel, &hash, Lifter::Keyword, at, at).await.unwrap()
    }

    pub(super) async fn api(&self, id: &str, channel: Channel, out: bool, secs: i64) -> Option<Recorded> {
        let at = at(secs);
        let change =
            if out { Change::Out { source: Source::Api, at } } else { Change::In { by: Lifter::Api, at } };
        let id = id.parse().unwrap();
        self.store.change_member(&self.org, channel, &id, change, COUNTRY, at).await.unwrap()
    }

    /// What gate 1 reads of a member.
    pub(super) async fn opted_out(&self, id: &str) -> BTreeSet<Channel> {
        self.opted_out_in(id, COUNTRY).await
    }

    pub(super) async fn opted_out_in(&self, id: &str, country: &str) -> BTreeSet<Channel> {
        let id: MemberId = id.parse().unwrap();
        let found = self.store.members_by_id(&self.org, std::slice::from_ref(&id), country).await.unwrap();
        found[&id].opted_out.clone()
    }

    /// Holds all members and addresses to the rules of [`crate::directory`].
    pub(super) async fn check_copies(&self, addresses: &[&str]) {
        let everyone = MemberFilter::default();
        let Selection::Members(ids) = self.store.select_members(&self.org, &everyone, 10_000).await.unwrap()
        else {
            panic!("too many for a test");
        };
        let items = self
            .store
            .member_items(&self.org, &ids.into_iter().collect(), Consistency::Strong)
            .await
            .unwrap();
        let mut having: BTreeMap<&AddressHash, BTreeSet<MemberId>> = BTreeMap::new();
        for item in items.values() {
            for hash in item.copies.keys() {
                having.entry(hash).or_default().insert(item.id.clone());
            }
        }
        for (hash, members) in &having {
            let record = self.store.address(&self.org, hash).await.unwrap();
            assert_eq!(record.members, *members, "members of {hash}");
            for copy in members.iter().map(|id| (id, &items[id].copies[*hash])) {
                assert_eq!(copy.1.out, record.opt_outs.channels(), "copy of {hash} on {}", copy.0);
            }
        }
        for hash in
            addresses.iter().map(|address| self.hash(address)).filter(|hash| !having.contains_key(hash))
        {
            assert!(
                self.store.address(&self.org, &hash).await.unwrap().members.is_empty(),
                "nobody has {hash}"
            );
        }
    }
}

pub(super) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

pub(super) fn parse(member: Value) -> Member {
    serde_json::from_value(member).unwrap()
}

/// A member with a mobile phone.
pub(super) fn phone(id: &str, phone: &str) -> Value {
    json!({"id": id, "primary_phone": phone})
}

pub(super) fn channels(channels: &[Channel]) -> BTreeSet<Channel> {
    channels.iter().copied().collect()
}
