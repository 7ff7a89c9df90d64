//! `receive-webhook`: what providers call. A call is verified on its raw bytes before anything in it is believed, split where it is large,
//! queued and answered. What members write, and above all an opt-out, is recorded before the answer, so that it never waits in a queue.

mod inbound;
mod known;
mod ses;
mod twilio;
mod whatsapp;

use std::sync::Arc;

use channels::ses::CertificateCache;
use domain::receipt::Receipt;
use domain::{Channel, Clock, OrgId};
use queue::Queue;
use store::Store;
use wire::api::http::{Reply, Request};
use wire::api::problem::Problem;
use wire::queue::{ApplyReceiptJob, MAX_RECEIPTS};

use crate::jobs::DispatchQueues;
use crate::secrets::SecretSource;
use crate::{Error, Notes, Refused};

pub use known::Known;

/// What `receive-webhook` needs.
pub struct ReceiveWebhook {
    /// The database.
    pub store: Store,
    /// Where receipts go.
    pub queue: Queue<ApplyReceiptJob>,
    /// Where answers to keywords go.
    pub dispatch: DispatchQueues,
    /// Promises of changes.
    pub notes: Notes,
    /// The secrets that providers sign with.
    pub secrets: Arc<dyn SecretSource>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Amazon's certificates.
    pub certificates: CertificateCache,
    /// Organisations' senders, remembered.
    pub known: Known,
    /// Our own host as providers call it.
    pub public_base_url: String,
    /// The only topic that is believed.
    pub sns_topic_arn: String,
}

/// Answers a provider's call.
pub async fn receive_webhook(deps: &ReceiveWebhook, request: &Request) -> Reply {
    let result = match request.route.as_str() {
        "POST /webhooks/twilio/{org_id}/status" => twilio::status(deps, request).await,
        "POST /webhooks/twilio/{org_id}/inbound" => twilio::inbound(deps, request).await,
        "GET /webhooks/whatsapp/{org_id}" => whatsapp::challenge(deps, request).await,
        "POST /webhooks/whatsapp/{org_id}" => whatsapp::events(deps, request).await,
        "POST /webhooks/ses" => ses::notification(deps, request).await,
        _ => Err(Problem::not_found("route").into()),
    };
    crate::reply(result)
}

/// The one answer to a call that is not genuine, whatever is wrong with it.
fn forged() -> Refused {
    Problem::new(403, "not-genuine", "Not genuine", "The call is not signed as the provider signs its calls")
        .into()
}

/// The organisation in the path; one that cannot exist is answered like one that does not.
fn organisation(request: &Request) -> Result<OrgId, Refused> {
    request.param("org_id").parse().map_err(|_| forged())
}

/// Queues receipts, in jobs that are small enough to be applied well within a function's time.
async fn enqueue(
    deps: &ReceiveWebhook,
    org: &OrgId,
    channel: Channel,
    receipts: Vec<Receipt>,
) -> Result<(), Error> {
    let came_at = Some(deps.clock.now());
    let job = |receipts: &[Receipt]| ApplyReceiptJob::V1 {
        org_id: org.clone(),
        channel,
        receipts: receipts.to_vec(),
        came_at,
    };
    let jobs: Vec<ApplyReceiptJob> = receipts.chunks(MAX_RECEIPTS).map(job).collect();
    Ok(deps.queue.send(&jobs, std::time::Duration::ZERO).await?)
}
