//! The rule itself, on the register in memory: whatever the order and the repeats, the same end.
//!
//! A failure prints the history; `PROPTEST_RNG_SEED` plays the same histories again.

use premise_testkit::model::{Model, Statement, histories};
use proptest::prelude::*;
use rand::{
    RngExt, SeedableRng,
    rngs::StdRng,
    seq::{IndexedRandom, SliceRandom},
};

/// Histories per property; each is played in six orders with repeats.
const HISTORIES: u32 = 100_000;
const ORDERS: usize = 6;

fn config() -> ProptestConfig {
    ProptestConfig { cases: HISTORIES, failure_persistence: None, ..ProptestConfig::default() }
}

/// The history in another order, with up to three statements repeated.
fn shuffled(history: &[Statement], dice: &mut StdRng) -> Vec<Statement> {
    let mut order = history.to_vec();
    for _ in 0..dice.random_range(0..=3) {
        order.extend(history.choose(dice).cloned());
    }
    order.shuffle(dice);
    order
}

fn play(model: Model, statements: &[Statement]) -> Model {
    statements.iter().fold(model, |mut model, statement| {
        model.apply(statement);
        model
    })
}

proptest! {
    #![proptest_config(config())]

    /// Convergence, idempotence, no resurrection after the removal of tombstones.
    #[test]
    fn order_repeats_and_removed_tombstones_do_not_matter(history in histories(), seed in any::<u64>()) {
        let reference = play(Model::default(), &history);
        let mut dice = StdRng::seed_from_u64(seed);
        for _ in 0..ORDERS {
            let order = shuffled(&history, &mut dice);
            let end = play(Model::default(), &order);
            prop_assert_eq!(end.live(), reference.live(), "order {:?}", order);
            prop_assert_eq!(end.floor(), reference.floor());
            let removing = play(Model::removing_tombstones(), &order);
            prop_assert_eq!(removing.live(), reference.live(), "with removal, order {:?}", order);
        }
    }

    /// Ranks and the floor never decrease.
    #[test]
    fn nothing_moves_back(history in histories()) {
        let mut model = Model::default();
        for statement in &history {
            let before = model.clone();
            model.apply(statement);
            prop_assert!(model.floor() >= before.floor());
            for key in 1..=3 {
                prop_assert!(model.rank(key) >= before.rank(key));
            }
        }
    }
}
