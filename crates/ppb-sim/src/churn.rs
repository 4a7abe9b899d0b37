//! Random changes as they happen at PPB: names, superintendents, licences, places; now and then a
//! premise opens or closes. The same register and seed give the same changes.

use serde::Deserialize;

use crate::{
    dice::{Dice, Purpose},
    generator::Generator,
    geography::{GEOGRAPHY, REAL_PREMISES},
    names,
    people::{self, Person},
    premise::Premise,
    register::Register,
};

/// Tries to find a premise that is still there before one is added instead.
const TRIES: u32 = 64;
/// Most changes asked for at once.
pub const MOST_CHANGES: u64 = 1_000_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// Changes to make.
    pub count: u64,
    /// Seed of the choices.
    #[serde(default)]
    pub seed: u64,
    /// Kinds of change: by default eight in ten update, one creates, one deletes.
    #[serde(default)]
    pub actions: Vec<Kind>,
}

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A premise opens.
    Created,
    /// A premise changes.
    Updated,
    /// A premise closes.
    Deleted,
}

/// One change to make.
#[derive(Debug)]
pub enum Step {
    /// Put this in place.
    Put(Box<Premise<'static>>),
    /// Remove this one.
    Remove(u64),
}

impl Churn {
    /// Whether the request makes sense; an error says what to send.
    pub fn check(&self) -> Result<(), String> {
        if (1..=MOST_CHANGES).contains(&self.count) {
            Ok(())
        } else {
            Err(format!("count is a number of changes from 1 to {MOST_CHANGES}"))
        }
    }

    /// Change number `n` for the register as it stands.
    pub fn step(&self, register: &Register, n: u64) -> Step {
        let mut dice = Dice::new(self.seed, n, Purpose::Churn);
        let kind = match self.actions.as_slice() {
            [] => dice.weighted(&[(Kind::Updated, 8), (Kind::Created, 1), (Kind::Deleted, 1)]),
            kinds => dice.pick(kinds),
        };
        let existing = || find(register, self.seed, n);
        match kind {
            Kind::Updated => existing().map(|mut premise| {
                mutate(&mut premise, register.generator(), &mut dice);
                Step::Put(Box::new(premise))
            }),
            Kind::Deleted => existing().map(|premise| Step::Remove(premise.id)),
            Kind::Created => None,
        }
        .unwrap_or_else(|| {
            Step::Put(Box::new(register.generator().newcomer(register.unused_id()).into_owned()))
        })
    }
}

fn find(register: &Register, seed: u64, n: u64) -> Option<Premise<'static>> {
    let generator = register.generator();
    let mut dice = Dice::new(seed ^ 0x5eed, n, Purpose::Churn);
    (0..TRIES).find_map(|_| {
        let id = generator.id(dice.below(generator.premises().max(1)));
        register.get(id).map(|premise| premise.as_ref().clone())
    })
}

fn mutate(premise: &mut Premise<'static>, generator: &Generator, dice: &mut Dice) {
    let before = premise.clone();
    match dice.below(10) {
        0..=4 => {
            let person = Person::registered(generator.seed(), people::any_registration(dice));
            premise.registration_no = Some(person.registration_no);
            premise.superintendent = Some(person.name.into());
            premise.cadre = Some(person.cadre.into());
        }
        5..=6 => {
            let year = premise.validity_year.unwrap_or(2_000) + 1;
            premise.validity_year = Some(year);
            premise.license_validity = Some(format!("{year}-12-31").into());
        }
        7 => {
            let path = GEOGRAPHY.path(dice.below(REAL_PREMISES));
            premise.county = Some(path.county.into());
            premise.constituency = Some(path.constituency.into());
            premise.ward = Some(path.ward.into());
        }
        _ => rename(premise, dice),
    }
    if *premise == before {
        rename(premise, dice);
    }
}

fn rename(premise: &mut Premise<'static>, dice: &mut Dice) {
    let retail = premise.business_type.as_deref() == Some("RETAIL");
    let name = names::premise_name(dice, retail, premise.ward.as_deref().unwrap_or("TOWN"));
    let same = premise.name.as_deref() == Some(name.as_str());
    premise.name = Some(if same { format!("NEW {name}") } else { name }.into());
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn play(churn: &Churn) -> (Register, [u64; 3]) {
        let mut register = Register::new(Generator::new(1, 500, 2026));
        let mut done = [0; 3];
        for n in 0..churn.count {
            match churn.step(&register, n) {
                Step::Put(premise) => {
                    let old = register.get(premise.id);
                    assert_ne!(old.as_deref(), Some(premise.as_ref()), "a change changes something");
                    done[usize::from(old.is_some())] += 1;
                    register.set(premise.id, Some(Arc::new(*premise)), 1);
                }
                Step::Remove(id) => {
                    assert!(register.get(id).is_some());
                    register.set(id, None, 1);
                    done[2] += 1;
                }
            }
        }
        (register, done)
    }

    fn churn(count: u64, seed: u64, actions: Vec<Kind>) -> Churn {
        Churn { count, seed, actions }
    }

    #[test]
    fn the_usual_mix_is_mostly_updates() {
        let (register, [created, updated, deleted]) = play(&churn(1_000, 3, vec![]));
        assert!(updated > 750 && (60..140).contains(&created) && (60..140).contains(&deleted));
        assert_eq!(register.live(), 500 + created - deleted);
    }

    #[test]
    fn the_same_seed_makes_the_same_changes() {
        let ids = |seed| {
            let (register, _) = play(&churn(200, seed, vec![]));
            let mut cursor = crate::register::Cursor::default();
            let snapshot = register.snapshot(i64::MAX);
            std::iter::from_fn(move || snapshot.next(&mut cursor, None).map(Premise::into_owned))
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
    }

    #[test]
    fn kinds_can_be_chosen_and_an_empty_catalogue_refilled() {
        let (register, done) = play(&churn(300, 1, vec![Kind::Updated]));
        assert_eq!((done, register.live()), ([0, 300, 0], 500));
        let churn = churn(1, 1, vec![Kind::Deleted]);
        assert!(matches!(churn.step(&Register::new(Generator::new(1, 0, 2026)), 0), Step::Put(_)));
    }

    #[test]
    fn counts_are_bounded() {
        assert!(churn(0, 0, vec![]).check().unwrap_err().contains("from 1 to 1000000"));
        assert!(churn(1, 0, vec![]).check().is_ok());
    }
}
