//! Plausible names of pharmacies and of people. All are made up from common words; a match with a
//! real premise or person is chance.

use std::sync::LazyLock;

use crate::dice::Dice;

static WORDS: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("../data/premise-words.txt").lines().collect());
static SURNAMES: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("../data/surnames.txt").lines().collect());
static GIVEN_NAMES: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("../data/given-names.txt").lines().collect());
const INITIALS: &[&str] = &["A", "C", "J", "K", "M", "N", "O", "W"];

const SHOPS: &[(&str, u64)] = &[
    (" CHEMIST", 46),
    (" PHARMACY", 26),
    (" PHARMACY LTD", 14),
    (" CHEMISTS LTD", 4),
    (" MEDICAL STORES", 4),
    (" HEALTHCARE LTD", 4),
    (" PHARMACEUTICALS", 2),
];

const TRADERS: &[(&str, u64)] = &[
    (" PHARMACEUTICALS LTD", 50),
    (" MEDICAL SUPPLIES LTD", 25),
    (" DISTRIBUTORS LTD", 15),
    (" PHARMA (K) LTD", 10),
];

/// A name for a shop (`retail`) or for a trader or maker, sometimes with its place.
pub fn premise_name(dice: &mut Dice, retail: bool, ward: &str) -> String {
    let mut name = String::with_capacity(48);
    match dice.below(10) {
        0..=5 => name.push_str(dice.pick(&WORDS)),
        6 => name.push_str(dice.pick(&SURNAMES)),
        7 => name.push_str(ward),
        _ => {
            name.push_str(dice.pick(&WORDS));
            name.push(' ');
            name.push_str(dice.pick(&WORDS));
        }
    }
    name.push_str(dice.weighted(if retail { SHOPS } else { TRADERS }));
    if retail && dice.below(12) == 0 {
        name.push_str(" - ");
        name.push_str(ward);
    }
    name
}

/// A person as PPB writes one: surname, initial, given name.
pub fn person(dice: &mut Dice) -> String {
    let mut name = String::with_capacity(32);
    name.push_str(dice.pick(&SURNAMES));
    name.push(' ');
    name.push_str(dice.pick(INITIALS));
    name.push(' ');
    name.push_str(dice.pick(&GIVEN_NAMES));
    name
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::dice::Purpose;

    #[test]
    fn names_are_varied_and_say_what_they_are() {
        let names: HashSet<String> = (0..2_000)
            .map(|i| premise_name(&mut Dice::new(1, i, Purpose::Premise), true, "KAMAGUT"))
            .collect();
        assert!(names.len() > 1_000, "{}", names.len());
        assert!(names.iter().any(|n| n.ends_with(" CHEMIST")));
        assert!(names.iter().any(|n| n.ends_with(" PHARMACY LTD")));
        let trader = premise_name(&mut Dice::new(1, 1, Purpose::Premise), false, "X");
        assert!(trader.ends_with(" LTD"), "{trader}");
    }

    #[test]
    fn people_have_three_parts() {
        let person = person(&mut Dice::new(1, 1, Purpose::Person));
        assert_eq!(person.split(' ').count(), 3, "{person}");
    }
}
