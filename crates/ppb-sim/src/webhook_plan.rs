//! Which webhooks the features hit, decided by seed and sequence.

use std::{net::IpAddr, time::Duration};

use crate::{
    dice::{Dice, Purpose},
    features::Webhooks,
};

/// What the features make of one webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) lost: bool,
    pub(crate) copies: u64,
    pub(crate) held_back: Option<Duration>,
    pub(crate) badly_signed: bool,
    pub(crate) source: Option<IpAddr>,
}

impl Plan {
    /// The plan of the webhook with this sequence: by the seed, always the same.
    pub(crate) fn new(features: &Webhooks, seed: u64, sequence: u64) -> Self {
        let hit = |purpose, fraction| Dice::new(seed, sequence, purpose).chance(fraction);
        let mut dice = Dice::new(seed, sequence, Purpose::WebhookReorder);
        let held_back = dice.chance(features.reorder).then(|| Duration::from_millis(200 + dice.below(600)));
        Self {
            lost: hit(Purpose::WebhookLoss, features.loss),
            copies: if hit(Purpose::WebhookDuplicate, features.duplicate) { 2 } else { 1 },
            held_back,
            badly_signed: hit(Purpose::WebhookSignature, features.bad_signature),
            source: features.source_address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_decide_by_seed_and_sequence() {
        let features =
            Webhooks { loss: 0.5, duplicate: 0.5, reorder: 0.5, bad_signature: 0.5, ..Webhooks::default() };
        let plans = |seed| (1..200).map(|n| Plan::new(&features, seed, n)).collect::<Vec<_>>();
        assert_eq!(plans(1), plans(1));
        assert_ne!(plans(1), plans(2));
        let plain = Plan::new(&Webhooks::default(), 1, 1);
        assert_eq!((plain.lost, plain.copies, plain.held_back, plain.badly_signed), (false, 1, None, false));
        let lost = plans(3).iter().filter(|plan| plan.lost).count();
        assert!((70..130).contains(&lost), "{lost}");
    }
}
