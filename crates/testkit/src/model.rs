//! A register in memory: the convergence rule as plainly as it can be said, as an oracle for the
//! real one, and random histories of what PPB may say.
//!
//! Times are seconds after an epoch; [`LAG`] is the source lag allowance S.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use chrono::{DateTime, TimeDelta, Utc};
use premise_domain::{
    premise::{Field, PremiseContent},
    rank::{ContentHash, Rank},
};
use proptest::{collection::vec, prelude::*};

/// S of the histories.
pub const LAG: TimeDelta = TimeDelta::seconds(15);

/// Something PPB says, by one of the three roads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// A webhook.
    Event {
        /// The premise.
        key: i64,
        /// From when it holds.
        effective: i64,
        /// How much later it was said.
        said_after: i64,
        /// The name of the premise; `None` deletes it.
        name: Option<char>,
    },
    /// An answer of changed rows, or of the whole catalogue.
    Answer {
        /// The second that it reflects, r. No two answers of a history share one.
        reflects: i64,
        /// It is complete and accepted.
        complete: bool,
        /// Per premise: when it was last modified, where that is said, and its name.
        rows: BTreeMap<i64, (Option<i64>, char)>,
        /// Premises whose row could not be read.
        quarantined: Vec<i64>,
    },
}

/// An instant of a history.
pub fn at(second: i64) -> DateTime<Utc> {
    const EPOCH: i64 = 1_750_000_000;
    DateTime::from_timestamp(EPOCH + second, 0).expect("an instant of this century")
}

fn rank_of_event(effective: i64, said_after: i64, name: Option<char>) -> Rank {
    match name {
        Some(name) => {
            let hash = HASHES[&name].event;
            Rank::of_event(at(effective + said_after), Some(at(effective)), Some(hash))
        }
        None => Rank::of_event(at(effective), None, None),
    }
}

/// The real content hashes, since the last ties are broken by them.
struct Hashes {
    event: ContentHash,
    row: ContentHash,
}

static HASHES: LazyLock<BTreeMap<char, Hashes>> = LazyLock::new(|| {
    let hashes = |name: char| {
        let event = PremiseContent { name: Field::Value(name.to_string()), ..PremiseContent::default() };
        Hashes { event: event.encode().hash, row: event.complete().encode().hash }
    };
    NAMES.into_iter().map(|name| (name, hashes(name))).collect()
});

/// The register in memory.
#[derive(Debug, Clone, Default)]
pub struct Model {
    rows: BTreeMap<i64, (Rank, Option<char>)>,
    floor: Option<DateTime<Utc>>,
    exempt: BTreeMap<i64, Option<DateTime<Utc>>>,
    removes_tombstones: bool,
}

impl Model {
    /// A register that removes tombstones as soon as they may be removed.
    pub fn removing_tombstones() -> Self {
        Self { removes_tombstones: true, ..Self::default() }
    }

    /// The names of the premises that live.
    pub fn live(&self) -> BTreeMap<i64, char> {
        self.rows.iter().filter_map(|(key, (_, name))| name.map(|name| (*key, name))).collect()
    }

    /// F.
    pub fn floor(&self) -> Option<DateTime<Utc>> {
        self.floor
    }

    /// The rank that holds for a premise.
    pub fn rank(&self, key: i64) -> Option<Rank> {
        self.rows.get(&key).map(|(rank, _)| *rank)
    }

    fn floor_of(&self, key: i64) -> Option<DateTime<Utc>> {
        self.exempt.get(&key).copied().unwrap_or(self.floor)
    }

    /// The one rule.
    fn put(&mut self, key: i64, rank: Rank, name: Option<char>) {
        let above_floor = self.floor_of(key).is_none_or(|floor| rank.effective_at > floor);
        let above_row = self.rows.get(&key).is_none_or(|(held, _)| rank > *held);
        if above_floor && above_row {
            self.rows.insert(key, (rank, name));
        }
    }

    /// Takes a statement, in whatever order statements come.
    pub fn apply(&mut self, statement: &Statement) {
        match statement {
            Statement::Event { key, effective, said_after, name } => {
                self.put(*key, rank_of_event(*effective, *said_after, *name), *name);
            }
            Statement::Answer { reflects, complete: false, rows, .. } => {
                for (key, (modified, name)) in rows {
                    let rank = Rank::of_row(at(*reflects), LAG, modified.map(at), HASHES[name].row);
                    self.put(*key, rank, Some(*name));
                }
            }
            Statement::Answer { reflects, complete: true, rows, quarantined } => {
                self.snapshot(at(*reflects), rows, quarantined);
            }
        }
        if self.removes_tombstones {
            self.remove_tombstones();
        }
    }

    fn snapshot(&mut self, r: DateTime<Utc>, rows: &BTreeMap<i64, (Option<i64>, char)>, quarantined: &[i64]) {
        let floor = r - LAG;
        for (key, (modified, name)) in rows {
            let rank = match modified.map(at) {
                Some(modified) if modified > floor => Rank::of_row(r, LAG, Some(modified), HASHES[name].row),
                _ => Rank::at_floor(r, LAG, Some(HASHES[name].row)),
            };
            self.put(*key, rank, Some(*name));
        }
        let absent = self.rows.keys().filter(|key| !rows.contains_key(key) && !quarantined.contains(key));
        for key in absent.copied().collect::<Vec<_>>() {
            self.put(key, Rank::at_floor(r, LAG, None), None);
        }
        if self.floor.is_none_or(|held| floor > held) {
            let kept = quarantined.iter().map(|key| (*key, self.floor_of(*key))).collect();
            self.exempt = kept;
            self.floor = Some(floor);
        } else {
            for (key, held) in &mut self.exempt {
                if !quarantined.contains(key) && held.is_none_or(|held| floor > held) {
                    *held = Some(floor);
                }
            }
        }
    }

    fn remove_tombstones(&mut self) {
        let floors: BTreeMap<i64, _> = self.rows.keys().map(|key| (*key, self.floor_of(*key))).collect();
        self.rows.retain(|key, (rank, name)| {
            name.is_some() || floors[key].is_none_or(|floor| rank.effective_at > floor)
        });
    }
}

const KEYS: [i64; 3] = [1, 2, 3];
const NAMES: [char; 3] = ['X', 'Y', 'Z'];
const LAST_SECOND: i64 = 60;

/// Random histories: up to seven statements about three premises within a minute, close enough
/// that ties, floors and lags matter.
pub fn histories() -> impl Strategy<Value = Vec<Statement>> {
    vec(statement(), 2..=7).prop_map(|mut statements| {
        let mut taken = BTreeSet::new();
        for statement in &mut statements {
            if let Statement::Answer { reflects, .. } = statement {
                // The next free second; nothing in an answer is then newer than what it reflects.
                while !taken.insert(*reflects) {
                    *reflects += 1;
                }
            }
        }
        statements
    })
}

fn statement() -> impl Strategy<Value = Statement> {
    prop_oneof![11 => event(), 4 => answer(false), 5 => answer(true)]
}

fn event() -> impl Strategy<Value = Statement> {
    let name = prop_oneof![7 => proptest::sample::select(&NAMES[..]).prop_map(Some), 3 => Just(None)];
    (proptest::sample::select(&KEYS[..]), 0..=LAST_SECOND, 0..=3_i64, name)
        .prop_map(|(key, effective, said_after, name)| Statement::Event { key, effective, said_after, name })
}

fn answer(complete: bool) -> impl Strategy<Value = Statement> {
    let place = prop_oneof![
        6 => (proptest::option::of(0..=LAST_SECOND), proptest::sample::select(&NAMES[..])).prop_map(Place::Row),
        1 => Just(Place::Quarantined),
        3 => Just(Place::Absent),
    ];
    (0..=LAST_SECOND, [place.clone(), place.clone(), place]).prop_map(move |(second, places)| {
        let mut rows = BTreeMap::new();
        let mut quarantined = Vec::new();
        for (key, place) in KEYS.into_iter().zip(places) {
            match place {
                Place::Row((modified, name)) => {
                    // Nothing was modified after the moment that the answer reflects.
                    rows.insert(key, (modified.map(|modified| modified.min(second)), name));
                }
                Place::Quarantined if complete => quarantined.push(key),
                Place::Quarantined | Place::Absent => {}
            }
        }
        if complete && rows.is_empty() {
            // An empty answer is refused before the rule is asked.
            rows.insert(KEYS[0], (None, NAMES[0]));
            quarantined.retain(|key| *key != KEYS[0]);
        }
        Statement::Answer { reflects: second, complete, rows, quarantined }
    })
}

#[derive(Debug, Clone)]
enum Place {
    Row((Option<i64>, char)),
    Quarantined,
    Absent,
}
