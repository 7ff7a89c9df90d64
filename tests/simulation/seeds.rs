//! Some hundred simulations, as `cargo test` runs them.

use tests::simulation::run;

#[test]
fn the_same_seed_makes_the_same_run() {
    for seed in 0..3 {
        let (one, other) = (run(seed, None), run(seed, None));
        println!("{} {:?} {:?}", one.diary, one.violations, one.tally);
        assert!(one.diary == other.diary, "seed {seed} ran in two ways");
    }
}
