//! Chance that a seed reproduces: each draw is a hash of the seed, of what it is about and of what is decided. So it
//! does not depend on the order in which requests happen to arrive.

use sha2::{Digest as _, Sha256};

/// The draws of one send.
#[derive(Clone, Debug)]
pub(crate) struct Draws {
    seed: u64,
    about: String,
}

impl Draws {
    pub(crate) fn new(seed: u64, about: String) -> Self {
        Self { seed, about }
    }

    /// Whether something that happens at this rate happens here.
    pub(crate) fn hit(&self, what: &str, rate: f64) -> bool {
        // A rate of 0 is the usual case and needs no hash.
        rate > 0.0 && self.draw(what) < rate
    }

    /// From 0 (included) to 1 (not included).
    fn draw(&self, what: &str) -> f64 {
        let digest = Sha256::new()
            .chain_update(self.seed.to_be_bytes())
            .chain_update(self.about.as_bytes())
            .chain_update([0])
            .chain_update(what.as_bytes())
            .finalize();
        let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        f64::from(number) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_nothing_and_everything_are_exact_and_the_rest_is_about_right() {
        let hits = |rate| (0..4_000).filter(|n| Draws::new(3, n.to_string()).hit("x", rate)).count();
        assert_eq!(hits(0.0), 0);
        assert_eq!(hits(1.0), 4_000);
        assert!((900..1_100).contains(&hits(0.25)), "{}", hits(0.25));
    }

    #[test]
    fn different_questions_about_one_send_are_drawn_apart() {
        let both = (0..1_000)
            .map(|n| Draws::new(3, n.to_string()))
            .filter(|draws| draws.hit("error", 0.5) && draws.hit("drop", 0.5))
            .count();
        assert!((180..320).contains(&both), "{both}");
    }
}
