//! What providers report on what they accepted: late, twice, out of order, early, or never.

use std::rc::Rc;

use domain::receipt::{Receipt, Report};
use domain::{Channel, FailureCode, MessageId};
use testing::{twilio_status, whatsapp_status};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;
use wire::api::http::Request;
use wire::queue::ApplyReceiptJob;

use super::core::About;
use super::host::Host;
use super::ledger::Accepted;
use super::network::millis;
use super::provider::Nature;

/// How often a provider calls again after a 5xx or no answer.
const CALLS: u32 = 6;

/// Reports on everything that is accepted, for ever.
pub(crate) async fn report_all(host: Rc<Host>, mut accepted: UnboundedReceiver<Accepted>) {
    while let Some(accepted) = accepted.recv().await {
        report(&host, &accepted);
    }
}

/// The reports that a message deserves.
fn truth(host: &Host, accepted: &Accepted) -> Vec<Report> {
    match Nature::of(&accepted.to) {
        Nature::Fails => vec![Report::Sent, Report::Failed(FailureCode::Undeliverable)],
        _ if host.core.dice.happens(0.3) => vec![Report::Sent, Report::Delivered, Report::Read],
        _ if host.core.dice.happens(0.3) => vec![Report::Delivered],
        _ => vec![Report::Sent, Report::Delivered],
    }
}

fn report(host: &Rc<Host>, accepted: &Accepted) {
    let core = &host.core;
    let faults = &core.faults.receipts;
    if core.fault(faults.silent) {
        core.diary.note(
            "provider",
            format!("{}: will not report", accepted.id),
            vec![accepted.id.to_string()],
        );
        return;
    }
    let mut reports = truth(host, accepted);
    if core.fault(faults.twice) {
        reports.extend(reports.clone());
    }
    if core.fault(faults.shuffled) {
        core.dice.shuffle(&mut reports);
    }
    let mut after = match (core.fault(faults.early), core.fault(faults.late)) {
        (true, _) => core.dice.between(0, 20),
        (_, true) => core.dice.between(60_000, 1_500_000),
        (false, false) => core.dice.mostly_small(50, 20_000),
    };
    for report in reports {
        let (host, accepted) = (Rc::clone(host), accepted.clone());
        host.at_work.set(host.at_work.get() + 1);
        tokio::task::spawn_local(async move {
            sleep(millis(after)).await;
            post(&host, &accepted, report).await;
            host.at_work.set(host.at_work.get() - 1);
        });
        after += core.dice.mostly_small(1, 3_000);
    }
}

/// Delivers one report, as its provider does.
pub(crate) async fn post(host: &Host, accepted: &Accepted, report: Report) {
    let core = &host.core;
    let (id, sid) = (accepted.id, accepted.provider_id());
    core.diary.note("provider", format!("{id}: reports {report:?}"), vec![id.to_string()]);
    if accepted.channel == Channel::Email {
        // SNS verified, it is the same job that `receive-webhook` makes of the other two.
        let receipt = Receipt {
            message_id: id,
            provider_message_id: Some(sid),
            report,
            at: core.time.now(),
            provider_code: None,
        };
        let org_id = testing::World::org();
        let job = ApplyReceiptJob::V1 {
            org_id,
            channel: Channel::Email,
            receipts: vec![receipt],
            came_at: Some(core.time.now()),
        };
        host.put("apply-receipt", &serde_json::to_string(&job).expect("a job is JSON"));
        core.ledger.took(id, report);
        return;
    }
    let request = webhook(host, accepted, id, report);
    match call(host, &request).await {
        Some(..300) => core.ledger.took(id, report),
        Some(status) => {
            core.violated("P9", About::Message(id), format!("a genuine report was refused with {status}"));
        }
        None => core.ledger.told(id, report),
    }
}

/// The signed call in which a provider reports `report` on the message `id`.
pub(crate) fn webhook(host: &Host, accepted: &Accepted, id: MessageId, report: Report) -> Request {
    let sid = accepted.provider_id();
    let is_sms = accepted.channel == Channel::Sms;
    let (status, code) = match report {
        Report::Delivered => ("delivered", None),
        Report::Read => ("read", None),
        Report::Failed(_) if is_sms => ("undelivered", Some(30005)),
        Report::Failed(_) => ("failed", Some(131_026)),
        Report::Sent | Report::OptedOut | Report::Complained => ("sent", None),
    };
    if is_sms {
        twilio_status(id, &sid, status, code)
    } else {
        whatsapp_status(id, &sid, status, code, host.core.time.now())
    }
}

/// Calls until somebody answers with something else than a 5xx. `None` if nobody ever does.
pub(crate) async fn call(host: &Host, request: &Request) -> Option<u16> {
    for attempt in 0..CALLS {
        match host.api(request).await.map(|reply| reply.status) {
            Some(status) if status < 500 => return Some(status),
            _ => sleep(millis(2_000 << attempt)).await,
        }
    }
    None
}
