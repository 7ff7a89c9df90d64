//! Some hundred simulations, as `cargo test` runs them; `simulate` runs as many as wanted.

use tests::simulation::{Plan, Run, Sabotage, Scene, Story, play, run};

/// Fails with the story of the message concerned.
fn assert_kept(run: &Run) {
    assert!(run.violations.is_empty(), "seed {}: {:#?}\n\n{}", run.seed, run.violations, run.story);
}

#[test]
fn the_same_seed_makes_the_same_run() {
    for seed in 0..20 {
        let (one, other) = (run(seed, None), run(seed, None));
        if one.diary != other.diary {
            let mut lines = one.diary.lines().zip(other.diary.lines());
            let difference = lines.find(|(one, other)| one != other);
            panic!("seed {seed} ran in two ways, which part here: {difference:#?}");
        }
    }
}

#[test]
fn every_promise_is_kept_in_three_hundred_lives() {
    for seed in 0..300 {
        assert_kept(&run(seed, None));
    }
}

#[test]
fn every_careless_version_is_caught() {
    for careless in Sabotage::ALL {
        let caught = (0..1000).any(|seed| !run(seed, Some(careless)).violations.is_empty());
        assert!(caught, "{careless:?} kept every promise in 1,000 lives: the checks do not bite");
    }
}

#[test]
fn a_send_is_cancelled_while_it_starts_or_not_at_all() {
    let mut sent = 0;
    for seed in 0..300 {
        let story = Story::Scene { scene: Scene::CancelledLate, lost: None };
        let run = play(Plan { seed, sabotage: None, story });
        assert_kept(&run);
        sent += u32::from(run.tally.accepted > 0);
    }
    assert!((1..300).contains(&sent), "{sent} of 300 sends went out: it was no race");
}

/// Plays a scene with the answer of each of its calls lost in turn: whoever repeats what was not answered gets it done exactly once.
fn with_each_answer_lost(scene: Scene) {
    let play = |lost| play(Plan { seed: 0, sabotage: None, story: Story::Scene { scene, lost } });
    let clean = play(None);
    assert_kept(&clean);
    assert!(clean.tally.calls > 5, "{scene:?} makes {} calls", clean.tally.calls);
    for lost in 1..=clean.tally.calls {
        let run = play(Some(lost));
        assert_kept(&run);
        assert_eq!(run.ledger, clean.ledger, "{scene:?} with the answer of call {lost} lost:\n{}", run.diary);
    }
}

#[test]
fn a_send_by_sms_goes_out_once_whichever_answer_is_lost() {
    with_each_answer_lost(Scene::Sms);
}

#[test]
fn a_send_by_whatsapp_goes_out_once_whichever_answer_is_lost() {
    with_each_answer_lost(Scene::WhatsApp);
}

#[test]
fn a_send_by_email_goes_out_once_whichever_answer_is_lost() {
    with_each_answer_lost(Scene::Email);
}

#[test]
fn a_household_gets_one_message_whichever_answer_is_lost() {
    with_each_answer_lost(Scene::Household);
}

#[test]
fn a_scheduled_send_goes_out_once_whichever_answer_is_lost() {
    with_each_answer_lost(Scene::Scheduled);
}

#[test]
fn a_cancelled_send_does_not_go_out_whichever_answer_is_lost() {
    with_each_answer_lost(Scene::Cancelled);
}

#[test]
fn a_slow_sender_gets_round_to_everybody_whichever_answer_is_lost() {
    with_each_answer_lost(Scene::Slow);
}

#[test]
fn a_send_waits_for_a_paused_sender_whichever_answer_is_lost() {
    with_each_answer_lost(Scene::Paused);
}

#[test]
fn a_retry_sends_once_more_whichever_answer_is_lost() {
    with_each_answer_lost(Scene::Retried);
}

#[test]
fn a_single_message_goes_out_once_whichever_answer_is_lost() {
    with_each_answer_lost(Scene::Single);
}

#[test]
fn what_a_member_writes_is_kept_once_whichever_answer_is_lost() {
    with_each_answer_lost(Scene::Inbound);
}
