//! Thousands of messages are sent while functions and the whole stack are killed, queues are purged and the providers are at their worst;
//! then the promises are held against what the providers accepted.
//!
//! One seed decides what is done and when, though not how the machine's processes interleave. A seed is printed when it begins.
//! `TIDINGS_CRASH_SEEDS=100..140 cargo test -p tests --test stack many_seeds -- --ignored --nocapture` runs many.

mod account;
mod blows;
mod caller;
mod journal;
mod judge;
mod members;
mod people;
mod reader;
mod sends;
mod truth;

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use self::blows::Plan;
use self::caller::now;
pub(crate) use self::caller::{Call, Caller};
use self::journal::Journal;
use self::judge::{Case, judge};
use self::truth::{Row, Truth};
use crate::running::{Home, Running, hiding_for};

/// How long things are broken.
const TROUBLE: Duration = Duration::from_secs(36);
/// How long a channel waits for reports here, in seconds: as short as the contract allows.
const WINDOW_S: u64 = 10;
/// After this every claim has ended that somebody held who was killed.
const CLAIMS_END: Duration = Duration::from_secs(62);
/// After this, parcels are driven again whose messages were lost.
const PARCELS_ARE_DRIVEN: Duration = Duration::from_secs(122);
/// The same for a fan-out.
const FAN_OUTS_ARE_DRIVEN: Duration = Duration::from_secs(152);
/// When a receipt comes back that was being applied when the function was killed: not before the function's time is over.
const RECEIPTS_COME_BACK_S: u32 = 30;
/// When everything has settled after the last blow: the patience with a fan-out, a tick, a claim, the receipt window, and a minute for the
/// work itself on a busy machine.
const SETTLES_WITHIN: Duration = Duration::from_secs(150 + 60 + 60 + WINDOW_S + 60);
/// How long counts may lag behind rows that no longer change: the note of the last change, and a look.
const COUNTS_LAG: Duration = Duration::from_mins(1);

/// One run with so many members. Answers how many messages the providers accepted.
async fn run(seed: u64, members: usize) -> usize {
    println!("seed {seed}, {members} members");
    let mut rng = Rng::with_seed(seed);
    // A receipt that somebody was killed over comes back while one waits.
    let mut home = Home::of_template(|template| hiding_for(&template, "apply-receipt", RECEIPTS_COME_BACK_S));
    let running = home.start().await.expect("the stack starts");
    let caller = Caller::of(home.base_url(), &home.data());
    prepare(&caller, members).await;

    let journal = Arc::new(Journal::default());
    let sends = sends::all(members);
    let deeds = people::plan(&mut rng, &sends, members, TROUBLE);
    let plan = Plan::of(&mut rng, TROUBLE);
    let (stop, stopped) = watch::channel(false);
    let reader = tokio::spawn(reader::look_on(caller.clone(), Arc::clone(&journal), stopped));
    let begin = Instant::now();
    let act = people::act(&caller, &journal, deeds, begin);
    let aftermath = async {
        let running = plan.strike(&mut home, running, &caller, &journal, begin).await;
        settle(&mut home, running, &caller, &journal).await
    };
    let ((running, settled_after), ()) = tokio::join!(aftermath, act);
    stop.send_replace(true);
    let reads = reader.await.expect("the reader reads on to the end");

    let truth = quiet(&running, &caller, &journal).await;
    let given_up = home.log().matches("a callback was lost").count();
    let case = Case { truth: &truth, journal: &journal, sends: &sends, given_up };
    let findings = judge(&case);
    if !findings.is_empty() {
        let account = account::of(&caller, &case, &findings, seed).await;
        let last_words = account::last_words(&home);
        panic!("{account}\n{last_words}\nits data is kept in {}", home.keep().display());
    }
    acknowledged_opt_outs_are_kept(&caller, &journal).await;
    running.stop().await;
    let unconfirmed: Vec<&Row> = truth.rows().filter(|row| row.is(&["unconfirmed"])).collect();
    let unreported = unconfirmed.iter().filter(|row| truth.accepted(&row.id) > 0).count();
    println!(
        "seed {seed}: {} accepted under {} blows, {reads} reads, settled {settled_after:?} after the last blow; {} unconfirmed, of which \
         {unreported} accepted",
        truth.ledger.len(),
        journal.entries().blows.len(),
        unconfirmed.len(),
    );
    truth.ledger.len()
}

/// Channels that do not hold things up, and members.
async fn prepare(caller: &Caller, members: usize) {
    for channel in ["sms", "whatsapp", "email"] {
        let settings = json!({ "receipt_window_s": WINDOW_S, "rate_per_second": 1000 });
        let answer = caller.insist(Call::put(&format!("/channels/{channel}"), &settings)).await;
        assert!(answer.is_success(), "{}", answer.body);
    }
    let answer = caller.insist(Call::post("/members/import", &members::import(members))).await;
    assert_eq!(answer.body["imported"], members, "{}", answer.body);
}

/// Waits until nothing is pending any more. Where there is something for reconcile to find, somebody restarts the stack, so that the tests need
/// not wait for its minute. Answers how long after the last blow all had settled.
async fn settle(
    home: &mut Home,
    running: Running,
    caller: &Caller,
    journal: &Journal,
) -> (Running, Duration) {
    let (last_blow, mut running) = (Instant::now(), running);
    let claims_end = now() + CLAIMS_END;
    let mut restarted_at = now();
    loop {
        let waiting = pending(caller, journal).await;
        if waiting.is_empty() {
            return (running, last_blow.elapsed());
        }
        let mut due = waiting.iter().filter_map(Waiting::is_driven_at).chain([claims_end]);
        if due.any(|at| restarted_at < at && at <= now()) {
            restarted_at = now();
            running.stop().await;
            running = home.start().await.expect("the stack starts again");
        }
        if last_blow.elapsed() > SETTLES_WITHIN {
            let done = journal.entries().blows.clone();
            let waiting: Vec<String> = waiting.iter().map(|waiting| waiting.0.to_string()).collect();
            let last_words = account::last_words(home);
            panic!("after {SETTLES_WITHIN:?} these have not settled: {waiting:#?}\n{done:#?}\n{last_words}");
        }
        sleep(Duration::from_millis(700)).await;
    }
}

/// Something that has not come to its end, as the API shows it.
struct Waiting(Value);

impl Waiting {
    /// When what may have been lost of it is driven again.
    fn is_driven_at(&self) -> Option<Timestamp> {
        let at = |name: &str| self.0[name].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        match self.0["status"].as_str()? {
            "delegated" => Some(at("delegated_at")? + PARCELS_ARE_DRIVEN),
            _ => Some(at("started_at").or(at("schedule_at")).or(at("created_at"))? + FAN_OUTS_ARE_DRIVEN),
        }
    }
}

/// Whatever has not come to its end.
async fn pending(caller: &Caller, journal: &Journal) -> Vec<Waiting> {
    let mut waiting = Vec::new();
    let sends = sends::all(1).len();
    let contests = journal.entries().contests.len();
    let actions = journal.actions();
    // The contests make actions of their own.
    if actions.len() < sends || contests < 2 {
        waiting.push(Waiting(json!({ "sends": actions.len(), "contests": contests })));
    }
    for (_, id) in actions {
        let action = caller.get(&format!("/bulk-actions/{id}")).await;
        let settled = ["completed", "partial", "failed", "cancelled"]
            .contains(&action["status"].as_str().unwrap_or_default());
        if !settled || action["pending_count"] != 0 {
            waiting.push(Waiting(action));
        }
    }
    let directs: Vec<String> = journal.entries().directs.values().cloned().collect();
    for id in directs {
        let message = caller.get(&format!("/messages/{id}")).await;
        if ["queued", "sending", "sent"].contains(&message["status"].as_str().unwrap_or_default()) {
            waiting.push(Waiting(message));
        }
    }
    waiting
}

/// Everything that is known, once late reports have come and have been counted, too.
async fn quiet(running: &Running, caller: &Caller, journal: &Journal) -> Truth {
    let sqs = blows::sqs(running);
    let until = Instant::now() + COUNTS_LAG;
    while blows::held(&sqs, "apply-receipt").await > 0 {
        assert!(Instant::now() < until, "receipts are left on their queue");
        sleep(Duration::from_millis(500)).await;
    }
    let until = Instant::now() + COUNTS_LAG;
    loop {
        let truth = Truth::read(caller, journal).await;
        if truth.actions.iter().all(judge::is_counted) || Instant::now() > until {
            return truth;
        }
        sleep(Duration::from_secs(3)).await;
    }
}

/// What was acknowledged is there for good.
async fn acknowledged_opt_outs_are_kept(caller: &Caller, journal: &Journal) {
    let acknowledged = journal.entries().opt_outs.clone();
    for out in acknowledged.iter().filter(|out| out.acknowledged_at.is_some()) {
        let kept = caller.get(&format!("/members/{}/opt-outs", out.member_id)).await;
        let kept = kept["items"].as_array().expect("items");
        assert!(kept.iter().any(|one| one["channel"] == out.channel), "{out:?} was forgotten: {kept:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_messages_keep_every_promise_while_functions_and_the_stack_are_killed() {
    let seed = std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_secs());
    let accepted = run(seed, 1_300).await;
    assert!(accepted >= 5_000, "only {accepted} messages went through");
}

/// How many members a run of [`many_seeds`] has.
const FEWER: usize = 400;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes three minutes for each seed"]
async fn many_seeds() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test that a person starts by hand asks that person which seeds"
    )]
    let asked = std::env::var("TIDINGS_CRASH_SEEDS").unwrap_or_else(|_| "1..4".to_owned());
    let (from, to) = asked.split_once("..").expect("TIDINGS_CRASH_SEEDS is like 1..4");
    let seeds: std::ops::Range<u64> = from.parse().expect("a number")..to.parse().expect("a number");
    for seed in seeds {
        run(seed, FEWER).await;
    }
}
