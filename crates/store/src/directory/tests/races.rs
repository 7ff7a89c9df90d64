//! Many writers at once: whatever the order, copies are exact afterwards.

use domain::Channel;
use domain::opt_out::{Lifter, Source};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::world::{COUNTRY, World, at, parse};

const PHONES: [&str; 3] = ["+442079460011", "+442079460012", "+442079460013"];
const MAILS: [&str; 2] = ["a@example.org", "b@example.org"];

/// A small generator, so that a run can be told by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // The constants of Knuth's MMIX; the upper bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len())].clone()
    }
}

fn any_member(dice: &mut Dice) -> Value {
    let id = format!("m{}", dice.roll(5));
    let mut maybe = |choices: &[&'static str]| {
        let all: Vec<Option<&'static str>> = choices.iter().copied().map(Some).chain([None]).collect();
        dice.of(&all)
    };
    json!({"id": id, "primary_phone": maybe(&PHONES), "secondary_phone": maybe(&PHONES), "email": maybe(&MAILS)})
}

async fn act(world: &World, seed: u64) {
    let dice = &mut Dice(seed);
    dice.roll(2);
    let secs = at(i64::try_from(dice.roll(1_000)).unwrap());
    match dice.roll(6) {
        0 | 1 => drop(world.store.put_member(&world.org, parse(any_member(dice)), COUNTRY, secs).await),
        2 => drop(
            world.store.delete_member(&world.org, &format!("m{}", dice.roll(5)).parse().unwrap(), secs).await,
        ),
        3 => {
            let id = format!("m{}", dice.roll(5));
            let (channel, out) = (dice.of(&Channel::ALL), dice.roll(2) == 0);
            world.api(&id, channel, out, secs.secs()).await;
        }
        _ => {
            let address = dice.of(&[PHONES.as_slice(), MAILS.as_slice()].concat());
            let hash = world.hash(address);
            let channel = if address.contains('@') {
                Channel::Email
            } else {
                dice.of(&[Channel::Sms, Channel::WhatsApp])
            };
            if dice.roll(2) == 0 {
                let source = dice.of(&[Source::Keyword, Source::Bounce, Source::Provider]);
                world.store.opt_out_address(&world.org, channel, &hash, source, secs, secs).await.unwrap();
            } else {
                world
                    .store
                    .opt_in_address(&world.org, channel, &hash, Lifter::Keyword, secs, secs)
                    .await
                    .unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_exact_after_any_mixture_of_concurrent_writes() {
    for run in 0..8_u64 {
        let world = &World::start().await;
        stream::iter(0..60_u64).for_each_concurrent(4, |n| act(world, run * 1_000 + n)).await;
        world.check_copies(&[PHONES.as_slice(), MAILS.as_slice()].concat()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_gets_an_address_while_it_is_opted_out_is_opted_out() {
    let world = &World::start().await;
    for round in 0..20 {
        let id = &format!("m{round}");
        let phone = &format!("+4420794600{round:02}");
        tokio::join!(
            world.put(json!({"id": id, "primary_phone": phone})),
            world.stop(phone, Channel::Sms, 1)
        );
        assert!(world.opted_out(id).await.contains(&Channel::Sms), "round {round}");
    }
}
