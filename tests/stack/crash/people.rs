//! What people do meanwhile: those who send and those who are written to.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::caller::{Call, Caller, now};
use super::journal::{Contest, Journal, OptOut};
use super::members::{Member, SMS_SENDER, WHATSAPP_SENDER};
use super::sends::{CANCELLED, RETRIED, Send};

/// So many ask at once in a contest.
const CONTENDERS: usize = 6;
/// How long somebody waits for something to be there that others do.
const WAIT: Duration = Duration::from_mins(6);

/// What one person does, and when.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    at: Duration,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Send(Send),
    /// A single send; the word stands in its text.
    Single(Member, &'static str, String),
    /// A member writes, and gets a reply with the word in it.
    Talk(Member, &'static str, String),
    /// A member writes STOP.
    Stop(Member, &'static str),
    /// Somebody opts a member out for them.
    OptOut(Member, &'static str),
    /// A mail program's one-click request, with the link of a mail that has come.
    Unsubscribe(Member),
    Retry,
    Cancel(Duration),
}

/// The deeds of a run that lasts so long.
pub(crate) fn plan(rng: &mut Rng, sends: &[Send], members: usize, lasts: Duration) -> Vec<Deed> {
    let any = |rng: &mut Rng| {
        Duration::from_millis(rng.u64(2_000..u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX)))
    };
    let mut deeds: Vec<Deed> =
        sends.iter().map(|send| Deed { at: send.at, what: What::Send(send.clone()) }).collect();
    let cancelled = sends.iter().find(|send| send.tag == CANCELLED).expect("the send that is cancelled");
    let starts = cancelled.at + cancelled.starts_in.unwrap_or_default();
    deeds.push(Deed {
        at: starts.saturating_sub(Duration::from_millis(rng.u64(0..600))),
        what: What::Cancel(starts),
    });
    deeds.push(Deed { at: Duration::from_secs(10), what: What::Retry });
    for number in 0..24 {
        let channel = *rng.choice(&["sms", "whatsapp", "email"]).expect("a channel");
        let channel = if channel == "whatsapp" { "sms" } else { channel };
        let (at, member) = (any(rng), Member(rng.usize(0..members)));
        deeds.push(Deed { at, what: What::Single(member, channel, format!("S{number:03}")) });
    }
    for number in 0..12 {
        let channel = *rng.choice(&["sms", "whatsapp"]).expect("a channel");
        let (at, member) = (any(rng), Member(rng.usize(0..members)));
        deeds.push(Deed { at, what: What::Talk(member, channel, format!("A{number:03}")) });
    }
    for number in (0..members).filter(|number| Member(*number).may_opt_out()) {
        let (at, member) = (any(rng), Member(number));
        let what = match rng.u8(0..6) {
            0 => What::Stop(member, "sms"),
            1 => What::Stop(member, "whatsapp"),
            2 => What::OptOut(member, "sms"),
            3 => What::OptOut(member, "whatsapp"),
            4 => What::OptOut(member, "email"),
            _ => What::Unsubscribe(member),
        };
        deeds.push(Deed { at, what });
    }
    deeds
}

/// Does all of it, each at its time.
pub(crate) async fn act(caller: &Caller, journal: &Arc<Journal>, deeds: Vec<Deed>, begin: Instant) {
    let mut under_way = JoinSet::new();
    for Deed { at, what } in deeds {
        let (caller, journal) = (caller.clone(), Arc::clone(journal));
        under_way.spawn(async move {
            sleep_until(begin + at).await;
            what.happens(&caller, &journal, begin).await;
        });
    }
    while let Some(done) = under_way.join_next().await {
        if let Err(error) = done {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

impl What {
    async fn happens(self, caller: &Caller, journal: &Journal, begin: Instant) {
        match self {
            Self::Send(send) => {
                let (body, key) = (send.body(), format!("send {}", send.tag));
                let answers = twice(caller, "/bulk-actions", &body, &key).await;
                journal.entries().actions.entry(send.tag).or_default().insert(0, answers);
            }
            Self::Single(member, channel, word) => {
                let mut body = json!({ "member_id": member.id(), "channel": channel, "body": word });
                if channel == "email" {
                    body["subject"] = json!("To you");
                }
                let message_id = twice(caller, "/messages", &body, &word).await;
                journal.entries().directs.insert(word, message_id);
            }
            Self::Talk(member, channel, word) => talk(caller, journal, member, channel, word).await,
            Self::Stop(member, channel) => {
                let answered = write(caller, member, channel, "STOP").await;
                journal.entries().opt_outs.push(OptOut::of(member, channel, "STOP", answered));
            }
            Self::OptOut(member, channel) => {
                let path = format!("/members/{}/opt-outs/{channel}", member.id());
                let answer = caller.insist(Call::put(&path, &json!({}))).await;
                assert!(answer.is_success(), "PUT {path}: {}", answer.body);
                journal.entries().opt_outs.push(OptOut::of(member, channel, "the API", true));
            }
            Self::Unsubscribe(member) => unsubscribe(caller, journal, member).await,
            Self::Retry => retry(caller, journal).await,
            Self::Cancel(starts) => cancel(caller, journal, begin + starts).await,
        }
    }
}

impl OptOut {
    fn of(member: Member, channel: &'static str, how: &'static str, acknowledged: bool) -> Self {
        let acknowledged_at = acknowledged.then(now);
        Self { channel, address: member.address(channel), member_id: member.id(), how, acknowledged_at }
    }
}

/// Two people send the same request with the same key. Answers the id of the one thing that came of it.
async fn twice(caller: &Caller, path: &str, body: &Value, key: &str) -> String {
    let call = Call::post(path, body).with_key(key);
    let (one, other) = tokio::join!(caller.insist(call), caller.insist(call));
    for answer in [&one, &other] {
        assert_eq!(answer.status, 202, "POST {path}: {}", answer.body);
    }
    assert_eq!(one.text("id"), other.text("id"), "one key made two things");
    one.text("id").to_owned()
}

/// A member writes to the organisation; whether the webhook was acknowledged.
async fn write(caller: &Caller, member: Member, channel: &str, text: &str) -> bool {
    let to = if channel == "sms" { SMS_SENDER } else { WHATSAPP_SENDER };
    let body = json!({ "channel": channel, "from": member.phone(), "to": to, "text": text });
    caller.attempt(Call::post("/sim/inbound", &body)).await.is_some_and(|answer| answer.is_success())
}

/// What a member writes gets one answer.
async fn talk(caller: &Caller, journal: &Journal, member: Member, channel: &'static str, word: String) {
    let until = Instant::now() + WAIT;
    while !write(caller, member, channel, "When does it begin?").await {
        assert!(Instant::now() < until, "nobody takes what a member writes");
        sleep(Duration::from_millis(300)).await;
    }
    let path = format!("/conversations?channel={channel}&limit=200");
    let all = caller.all(&path).await;
    let found = all.iter().find(|conversation| conversation["address"] == member.phone().as_str());
    let id =
        found.and_then(|found| found["id"].as_str()).expect("what was acknowledged is in its conversation");
    let message_id =
        twice(caller, &format!("/conversations/{id}/messages"), &json!({ "body": word }), &word).await;
    journal.entries().directs.insert(word, message_id);
}

/// Follows the link of a mail that has come; somebody to whom none came cannot.
async fn unsubscribe(caller: &Caller, journal: &Journal, member: Member) {
    let path = format!("/sim/messages?to={}", member.email());
    let Some(answer) = caller.attempt(Call::get(&path)).await else { return };
    let mail = answer.body["items"].as_array().and_then(|items| items.first().cloned()).unwrap_or_default();
    let headers = mail["request"]["headers"].as_array().cloned().unwrap_or_default();
    let header = headers.iter().find(|header| header["name"] == "List-Unsubscribe");
    let link = header.and_then(|header| header["value"].as_str()?.strip_prefix('<')?.strip_suffix('>'));
    let Some(path) = link.and_then(|link| link.find("/unsubscribe/").map(|at| link[at..].to_owned())) else {
        return;
    };
    let acknowledged = caller.unsubscribe(&path).await;
    journal.entries().opt_outs.push(OptOut::of(member, "email", "the link", acknowledged));
}

/// Several people retry the same rows at once, each with a key of their own.
async fn retry(caller: &Caller, journal: &Journal) {
    let until = Instant::now() + WAIT;
    let path = loop {
        if let Some(id) = journal.action(RETRIED) {
            let path = format!("/bulk-actions/{id}");
            if caller.get(&path).await["pending_count"] == 0 {
                break format!("{path}/retry");
            }
        }
        assert!(Instant::now() < until, "{RETRIED} did not settle, so that nobody could retry it");
        sleep(Duration::from_secs(1)).await;
    };
    let body = json!({ "scope": "all" });
    let keys: Vec<String> = (0..CONTENDERS).map(|number| format!("retry {number}")).collect();
    let all = join_all(keys.iter().map(|key| caller.insist(Call::post(&path, &body).with_key(key)))).await;
    let mut entries = journal.entries();
    let made = all.iter().filter(|answer| answer.status == 202).map(|answer| answer.text("id").to_owned());
    entries.actions.entry(RETRIED).or_default().extend(made);
    let answers = all.into_iter().map(|answer| (answer.status, answer.body)).collect();
    entries.contests.push(Contest { what: "retry", tag: RETRIED, answers, unanswered: 0 });
}

/// Several people cancel a send at once, about when it starts. Each asks once: an answer that is lost may have been the winner's.
async fn cancel(caller: &Caller, journal: &Journal, starts: Instant) {
    let until = starts + WAIT;
    let path = loop {
        if let Some(id) = journal.action(CANCELLED) {
            break format!("/bulk-actions/{id}/cancel");
        }
        assert!(Instant::now() < until, "{CANCELLED} was not accepted");
        sleep(Duration::from_millis(100)).await;
    };
    let body = json!({});
    let all = join_all((0..CONTENDERS).map(|_| caller.attempt(Call::post(&path, &body)))).await;
    let unanswered =
        all.iter().filter(|answer| answer.as_ref().is_none_or(|answer| answer.status >= 500)).count();
    let answered = all.into_iter().flatten().filter(|answer| answer.status < 500);
    let answers = answered.map(|answer| (answer.status, answer.body)).collect();
    let contest = Contest { what: "cancel", tag: CANCELLED, answers, unanswered };
    journal.entries().contests.push(contest);
}
