//! The catalogue as a function: premise k of a seed, computed when asked for.
//!
//! Nothing is stored, so a million rows need no memory, and premise k is the same in every
//! catalogue size. Places are dealt by a permutation of the real slots, so a catalogue of the real
//! size has exactly the real counts. Premise 0 is the one of the seed document, id 34014.

use std::borrow::Cow;

use chrono::{NaiveDate, NaiveTime};

use crate::{
    dice::{Dice, Purpose},
    geography::{GEOGRAPHY, REAL_PREMISES},
    names,
    people::{self, Person},
    premise::Premise,
    seed_premise, timestamp,
};

const FIRST_ID: u64 = 1_000;
/// Ids have gaps: each premise takes one of three numbers.
const ID_SPACING: u64 = 3;

const BUSINESS_TYPES: &[(&str, u64)] =
    &[("RETAIL", 860), ("WHOLESALE", 75), ("HOSPITAL", 40), ("DISTRIBUTION", 20), ("MANUFACTURING", 5)];
const OWNERSHIPS: &[(&str, u64)] = &[
    ("SOLE PROPRIETOR", 640),
    ("LIMITED COMPANY", 240),
    ("PARTNERSHIP", 90),
    ("CORPORATE", 20),
    ("FAITH BASED", 10),
];

/// The catalogue of one seed.
#[derive(Debug)]
pub struct Generator {
    seed: u64,
    premises: u64,
    year: i32,
    /// `slot = stride * k + start`, modulo the real size: a permutation of the slots.
    stride: u64,
    start: u64,
    /// Last day of the licences, by age in years.
    validity: [String; 3],
}

impl Generator {
    /// A catalogue of `premises` rows whose current licences end with `year`.
    pub fn new(seed: u64, premises: u64, year: i32) -> Self {
        let mut dice = Dice::new(seed, 0, Purpose::Catalogue);
        let mut stride = 2_000 + dice.below(REAL_PREMISES - 4_000);
        while gcd(stride, REAL_PREMISES) != 1 {
            stride += 1;
        }
        let start = GEOGRAPHY.first_slot(seed_premise::PATH).unwrap_or_default();
        let validity = [0, 1, 2].map(|age| format!("{}-12-31", year - age));
        Self { seed, premises, year, stride, start, validity }
    }

    /// Seed of the catalogue.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Rows before any change.
    pub fn premises(&self) -> u64 {
        self.premises
    }

    /// Year whose 31 December ends the current licences.
    pub fn year(&self) -> i32 {
        self.year
    }

    /// Id of premise `k`. Ascending from premise 1 on.
    pub fn id(&self, k: u64) -> u64 {
        if k == 0 {
            return seed_premise::ID;
        }
        let id = FIRST_ID + k * ID_SPACING + Dice::new(self.seed, k, Purpose::Id).below(ID_SPACING);
        if id == seed_premise::ID { id - 1 } else { id }
    }

    /// The premise that has `id`, where one has.
    pub fn index(&self, id: u64) -> Option<u64> {
        let k = if id == seed_premise::ID { 0 } else { id.checked_sub(FIRST_ID)? / ID_SPACING };
        (k < self.premises && self.id(k) == id).then_some(k)
    }

    /// An id above all that the catalogue has.
    pub fn id_above_all(&self) -> u64 {
        (FIRST_ID + (self.premises + 1) * ID_SPACING).max(seed_premise::ID + 1)
    }

    /// Premise `k`.
    pub fn premise(&self, k: u64) -> Premise<'_> {
        if k == 0 { seed_premise::premise() } else { self.invent(self.id(k), k) }
    }

    /// When premise `k` was last modified: in the December before its licence's year, as renewal
    /// comes in one wave.
    pub fn modified_at(&self, k: u64) -> i64 {
        if k == 0 {
            return seed_premise::MODIFIED_AT;
        }
        self.renewed_at(k, self.year - self.license_age(k))
    }

    /// A plausible premise for an id that the catalogue does not have.
    pub fn newcomer(&self, id: u64) -> Premise<'_> {
        self.invent(id, id.wrapping_add(1 << 40))
    }

    fn invent(&self, id: u64, k: u64) -> Premise<'_> {
        let mut dice = Dice::new(self.seed, k, Purpose::Premise);
        let path = GEOGRAPHY.path(k % REAL_PREMISES * self.stride + self.start);
        let business_type = dice.weighted(BUSINESS_TYPES);
        let person = Person::registered(self.seed, people::any_registration(&mut dice));
        let age = self.license_age(k);
        let year = self.year - age;
        Premise {
            id,
            name: Some(Cow::Owned(names::premise_name(&mut dice, business_type == "RETAIL", path.ward))),
            county: borrowed(path.county),
            constituency: borrowed(path.constituency),
            ward: borrowed(path.ward),
            business_type: borrowed(business_type),
            ownership: borrowed(dice.weighted(OWNERSHIPS)),
            registration_no: Some(person.registration_no),
            superintendent: Some(Cow::Owned(person.name)),
            cadre: borrowed(person.cadre),
            license_validity: borrowed(&self.validity[usize::try_from(age).unwrap_or(0)]),
            validity_year: u64::try_from(year).ok(),
            modified_at: self.renewed_at(k, year),
        }
    }

    fn license_age(&self, k: u64) -> i32 {
        Dice::new(self.seed, k, Purpose::ModifiedAt).weighted(&[(0, 940), (1, 45), (2, 15)])
    }

    fn renewed_at(&self, k: u64, year: i32) -> i64 {
        const DECEMBER: u64 = 31 * 86_400;
        let start = NaiveDate::from_ymd_opt(year - 1, 12, 1).unwrap_or_default().and_time(NaiveTime::MIN);
        let mut dice = Dice::new(self.seed, k, Purpose::ModifiedAt);
        dice.throw();
        let offset = i64::try_from(dice.below(DECEMBER)).unwrap_or_default();
        (start.and_utc().timestamp() + offset) * timestamp::SECOND
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a field of a premise is an option")]
fn borrowed(text: &str) -> Option<Cow<'_, str>> {
    Some(Cow::Borrowed(text))
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn real() -> Generator {
        Generator::new(1, REAL_PREMISES, 2026)
    }

    #[test]
    fn the_same_seed_gives_the_same_premises_at_any_size() {
        let (one, other) = (real(), Generator::new(1, 50, 2026));
        for k in 0..50 {
            assert_eq!(one.premise(k), other.premise(k));
        }
        let different = Generator::new(2, 50, 2026);
        assert!((1..50).any(|k| one.premise(k) != different.premise(k)));
    }

    #[test]
    fn every_seed_has_the_real_counts() {
        for seed in [1, 7, 99] {
            let generator = Generator::new(seed, REAL_PREMISES, 2026);
            let mut counties: HashMap<String, u64> = HashMap::new();
            let mut paths = HashSet::new();
            for k in 0..generator.premises() {
                let p = generator.premise(k);
                *counties.entry(p.county.clone().unwrap().into_owned()).or_default() += 1;
                paths.insert((p.county, p.constituency, p.ward));
            }
            assert_eq!(counties.len(), 47);
            assert_eq!(paths.len(), 1_310);
            for (county, count) in [("Nairobi", 2_969), ("Kiambu", 1_085), ("Nakuru", 544), ("Mombasa", 526)]
            {
                assert_eq!(counties[county], count, "{county}");
            }
        }
    }

    #[test]
    fn ids_are_unique_and_lead_back() {
        let generator = Generator::new(5, 20_000, 2026);
        let ids: HashSet<u64> = (0..20_000).map(|k| generator.id(k)).collect();
        assert_eq!(ids.len(), 20_000);
        for k in 0..20_000 {
            assert_eq!(generator.index(generator.id(k)), Some(k));
        }
        let unknown = (0..70_000).filter(|id| !ids.contains(id)).all(|id| generator.index(id).is_none());
        assert!(unknown);
        assert!(ids.iter().all(|id| *id < generator.id_above_all()));
    }

    #[test]
    fn the_seed_document_s_premise_is_there_at_any_size() {
        let premise = Generator::new(9, 1, 2030).premise(0).into_owned();
        assert_eq!((premise.id, premise.name.as_deref()), (34_014, Some("LIBWOB PHARMACY")));
        assert_eq!(premise.license_validity.as_deref(), Some("2025-12-31"));
    }

    #[test]
    fn most_licences_end_with_the_year_and_some_have_ended() {
        let generator = real();
        let mut by_year: HashMap<u64, u64> = HashMap::new();
        for k in 1..generator.premises() {
            let premise = generator.premise(k);
            let year = premise.validity_year.unwrap();
            assert_eq!(premise.license_validity.as_deref(), Some(format!("{year}-12-31").as_str()));
            assert_eq!(premise.modified_at, generator.modified_at(k));
            *by_year.entry(year).or_default() += 1;
        }
        assert!(by_year[&2026] > 10_500 && by_year[&2025] > 300 && by_year[&2024] > 80, "{by_year:?}");
    }
}
