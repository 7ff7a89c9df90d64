//! Everything wired as the functions wire it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use channels::ses::CertificateCache;
use domain::{Clock, Ids, OrgId};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use queue::Queue;
use serde_json::Value;
use store::Store;
use store::directory::UnsubscribeTokens;
use usecases::Notes;
use usecases::apply_receipt::ApplyReceipt;
use usecases::create_bulk_action::CreateBulkActions;
use usecases::dispatch::Dispatch;
use usecases::jobs::DispatchQueues;
use usecases::manage_directory::Directory;
use usecases::read_log::ReadLog;
use usecases::receive_webhook::{Known, ReceiveWebhook};
use usecases::reconcile::Reconcile;
use usecases::secrets::{SecretError, SecretSource};
use usecases::send_message::SendMessage;
use usecases::unsubscribe::Unsubscribe;

use super::queue_of;
use crate::provider::{FakeAsk, FakeChannel, Provider};
use crate::{CountingIds, TestClock, inbound};

/// What the functions are made of.
pub(super) struct Functions {
    pub(super) create: CreateBulkActions,
    pub(super) fan_out: SendMessage,
    pub(super) whatsapp: Dispatch<FakeChannel<0>>,
    pub(super) sms: Dispatch<FakeChannel<1>>,
    pub(super) email: Dispatch<FakeChannel<2>>,
    pub(super) receipts: ApplyReceipt,
    pub(super) reconcile: Reconcile<FakeAsk>,
    pub(super) directory: Directory,
    pub(super) read: ReadLog,
    pub(super) webhooks: ReceiveWebhook,
    pub(super) unsubscribe: Unsubscribe,
}

/// The same secrets for every organisation.
struct Secrets;

impl SecretSource for Secrets {
    fn secret<'a>(&'a self, _: &'a OrgId, _: &'a str) -> BoxFuture<'a, Result<Value, SecretError>> {
        async { Ok(inbound::secrets()) }.boxed()
    }
}

impl Functions {
    pub(super) fn new(
        store: &Store,
        sqs: &aws_sdk_sqs::Client,
        urls: &BTreeMap<String, String>,
        clock: &Arc<TestClock>,
        provider: &Provider,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
        let ids: Arc<dyn Ids> = Arc::new(CountingIds::default());
        let queues = DispatchQueues {
            whatsapp: queue_of(sqs, urls, "dispatch-whatsapp"),
            sms: queue_of(sqs, urls, "dispatch-sms"),
            email: queue_of(sqs, urls, "dispatch-email"),
        };
        let webhook_queues = queues.clone();
        Self {
            create: CreateBulkActions {
                store: store.clone(),
                queue: queue_of(sqs, urls, "send-message"),
                dispatch: queues.clone(),
                clock: Arc::clone(&clock),
                ids: Arc::clone(&ids),
            },
            fan_out: SendMessage {
                store: store.clone(),
                queue: queue_of(sqs, urls, "send-message"),
                dispatch: queues.clone(),
                clock: Arc::clone(&clock),
            },
            whatsapp: dispatcher(store, &queues.whatsapp, &clock, &ids, FakeChannel(provider.clone())),
            sms: dispatcher(store, &queues.sms, &clock, &ids, FakeChannel(provider.clone())),
            email: dispatcher(store, &queues.email, &clock, &ids, FakeChannel(provider.clone())),
            receipts: ApplyReceipt {
                store: store.clone(),
                clock: Arc::clone(&clock),
                notes: Notes::default(),
            },
            reconcile: Reconcile {
                store: store.clone(),
                send_message: queue_of(sqs, urls, "send-message"),
                dispatch: queues.clone(),
                secrets: Arc::new(Secrets),
                ask: FakeAsk(provider.clone()),
                clock: Arc::clone(&clock),
            },
            directory: Directory { store: store.clone(), clock: Arc::clone(&clock), notes: Notes::default() },
            read: ReadLog { store: store.clone(), clock: Arc::clone(&clock) },
            webhooks: ReceiveWebhook {
                store: store.clone(),
                queue: queue_of(sqs, urls, "apply-receipt"),
                dispatch: webhook_queues,
                notes: Notes::default(),
                secrets: Arc::new(Secrets),
                clock: Arc::clone(&clock),
                certificates: CertificateCache::new(no_http(), None),
                known: Known::default(),
                public_base_url: inbound::PUBLIC_BASE_URL.to_owned(),
                sns_topic_arn: "arn:aws:sns:us-east-1:1:none".to_owned(),
            },
            unsubscribe: Unsubscribe {
                store: store.clone(),
                clock,
                notes: Notes::default(),
                tokens: UnsubscribeTokens::new(store.keys().clone()),
            },
        }
    }
}

/// One client for all worlds: none of them fetches a certificate, and each client would read the machine's own ones.
fn no_http() -> reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| channels::http_client().expect("an HTTP client can be made")).clone()
}

fn dispatcher<const CHANNEL: usize>(
    store: &Store,
    queue: &Queue<wire::queue::DispatchJob>,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn Ids>,
    connect: FakeChannel<CHANNEL>,
) -> Dispatch<FakeChannel<CHANNEL>> {
    Dispatch {
        store: store.clone(),
        queue: queue.clone(),
        secrets: Arc::new(Secrets),
        clock: Arc::clone(clock),
        ids: Arc::clone(ids),
        notes: Notes::default(),
        connect,
    }
}
