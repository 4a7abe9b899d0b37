//! Deterministic randomness: the same key always throws the same dice.
//!
//! `SplitMix64` keyed by (seed, item, purpose). It is fast (one multiplication chain per throw) and
//! needs no state beyond the key, so row one million costs the same as row one. It is no
//! cryptographic generator; nothing here is secret.

/// What a throw is for. Two purposes never share their randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
#[expect(missing_docs, reason = "each is the name of the thing decided")]
pub enum Purpose {
    Catalogue = 1,
    Id,
    Premise,
    Person,
    ModifiedAt,
    Churn,
    Nulls,
    Renamed,
    Retyped,
    FutureTimestamps,
    WebhookLoss,
    WebhookDuplicate,
    WebhookReorder,
    WebhookSignature,
    RetryJitter,
}

/// A sequence of throws.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice of `item` under `seed`, for one purpose.
    pub fn new(seed: u64, item: u64, purpose: Purpose) -> Self {
        let mut dice = Self(seed ^ (purpose as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
        let key = dice.throw();
        Self(key ^ item.wrapping_mul(0xa076_1d64_78bd_642f))
    }

    /// The next 64 bits.
    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.throw()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// True in `fraction` (0 to 1) of the throws.
    pub fn chance(&mut self, fraction: f64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are all that a fraction has")]
        let thrown = (self.throw() >> 11) as f64 / (1_u64 << 53) as f64;
        thrown < fraction
    }

    /// One of `choices`, which must not be empty.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let index = usize::try_from(self.below(choices.len() as u64)).unwrap_or(0);
        choices[index]
    }

    /// One of `choices` by weight. The weights must sum to more than 0.
    pub fn weighted<T: Copy>(&mut self, choices: &[(T, u64)]) -> T {
        let mut left = self.below(choices.iter().map(|(_, weight)| weight).sum());
        for (choice, weight) in choices {
            if left < *weight {
                return *choice;
            }
            left -= weight;
        }
        choices[0].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_key_same_throws_and_other_keys_differ() {
        let throws = |seed, item, purpose| {
            let mut dice = Dice::new(seed, item, purpose);
            [dice.throw(), dice.throw(), dice.throw()]
        };
        let one = throws(1, 2, Purpose::Premise);
        assert_eq!(one, throws(1, 2, Purpose::Premise));
        assert_ne!(one, throws(2, 2, Purpose::Premise));
        assert_ne!(one, throws(1, 3, Purpose::Premise));
        assert_ne!(one, throws(1, 2, Purpose::Person));
    }

    #[test]
    fn chance_keeps_its_fraction() {
        for fraction in [0.0, 0.03, 0.5, 1.0] {
            let hits = (0..100_000).filter(|i| Dice::new(7, *i, Purpose::Nulls).chance(fraction)).count();
            #[expect(clippy::cast_precision_loss, reason = "small counts")]
            let seen = hits as f64 / 100_000.0;
            assert!((seen - fraction).abs() < 0.005, "{fraction}: {seen}");
        }
    }

    #[test]
    fn weights_are_kept_and_zero_is_never_drawn() {
        let mut dice = Dice::new(1, 1, Purpose::Churn);
        let drawn: Vec<char> = (0..10_000).map(|_| dice.weighted(&[('a', 9), ('b', 1), ('c', 0)])).collect();
        assert!((8_800..9_200).contains(&drawn.iter().filter(|d| **d == 'a').count()));
        assert!(!drawn.contains(&'c'));
    }
}
