//! The superintendents: who is registered under a number.

use crate::{
    dice::{Dice, Purpose},
    names,
};

const FIRST_REGISTRATION: u64 = 500;
const PEOPLE: u64 = 14_000;

/// A superintendent.
pub struct Person {
    /// Registration number with PPB.
    pub registration_no: u64,
    /// Surname, initial, given name.
    pub name: String,
    /// Profession.
    pub cadre: &'static str,
}

impl Person {
    /// Who is registered under a number: under one seed always the same person.
    pub fn registered(seed: u64, registration_no: u64) -> Self {
        let mut dice = Dice::new(seed, registration_no, Purpose::Person);
        let cadre = if dice.below(100) < 62 { "PHARMTECH" } else { "PHARMACIST" };
        Self { registration_no, name: names::person(&mut dice), cadre }
    }
}

/// A registration number.
pub fn any_registration(dice: &mut Dice) -> u64 {
    FIRST_REGISTRATION + dice.below(PEOPLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_always_the_same_person() {
        let (one, again) = (Person::registered(1, 900), Person::registered(1, 900));
        assert_eq!((one.name, one.cadre), (again.name, again.cadre));
        assert!((501..600).any(|n| Person::registered(1, n).name != Person::registered(1, 500).name));
    }
}
