//! The truth: the generated catalogue with the changes made to it.
//!
//! Only changes are kept (an overlay by id). Readers take a snapshot, as a database query would,
//! so a download that takes seconds shows one moment. Each premise keeps its latest
//! [`KEPT_VERSIONS`] versions, so a stale answer can show an earlier moment; what is older than
//! those shows as its oldest kept version's predecessor, the generated row.

use std::{collections::BTreeMap, sync::Arc};

use crate::{generator::Generator, premise::Premise};

/// Versions kept of a changed premise.
pub const KEPT_VERSIONS: usize = 16;

/// A premise free of borrows, shared.
pub type Shared = Arc<Premise<'static>>;

#[derive(Debug, Clone)]
struct Version {
    /// Microseconds since 1970, by this machine's clock.
    recorded_at: i64,
    /// `None`: removed.
    row: Option<Shared>,
}

type Overlay = BTreeMap<u64, Vec<Version>>;

/// The catalogue as it is.
#[derive(Debug)]
pub struct Register {
    generator: Arc<Generator>,
    overlay: Arc<Overlay>,
    live: u64,
}

/// The catalogue as it was at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    generator: Arc<Generator>,
    overlay: Arc<Overlay>,
    as_of: i64,
}

/// How far a reader of a snapshot has come: first the generated rows, then the added ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cursor {
    generated: u64,
    added_after: u64,
}

impl Register {
    /// The generated catalogue, unchanged.
    pub fn new(generator: Generator) -> Self {
        let live = generator.premises();
        Self { generator: Arc::new(generator), overlay: Arc::default(), live }
    }

    /// What the catalogue was generated from.
    pub fn generator(&self) -> &Arc<Generator> {
        &self.generator
    }

    /// Premises that are there now.
    pub fn live(&self) -> u64 {
        self.live
    }

    /// Premises ever changed, added or removed.
    pub fn touched(&self) -> usize {
        self.overlay.len()
    }

    /// An id that no premise has or had.
    pub fn unused_id(&self) -> u64 {
        let changed = self.overlay.last_key_value().map_or(0, |(id, _)| id + 1);
        changed.max(self.generator.id_above_all())
    }

    /// The premise as it is; `None` when it is not there.
    pub fn get(&self, id: u64) -> Option<Shared> {
        match self.overlay.get(&id).and_then(|versions| versions.last()) {
            Some(version) => version.row.clone(),
            None => self.generator.index(id).map(|k| Arc::new(self.generator.premise(k).into_owned())),
        }
    }

    /// The latest content of a premise that is there or was removed.
    pub fn latest_content(&self, id: u64) -> Option<Shared> {
        let kept = self.overlay.get(&id).and_then(|v| v.iter().rev().find_map(|version| version.row.clone()));
        kept.or_else(|| self.generator.index(id).map(|k| Arc::new(self.generator.premise(k).into_owned())))
    }

    /// Puts `row` (or, with `None`, its absence) in place. `recorded_at` must not go back.
    pub fn set(&mut self, id: u64, row: Option<Shared>, recorded_at: i64) {
        let was = self.get(id).is_some();
        match (was, row.is_some()) {
            (false, true) => self.live += 1,
            (true, false) => self.live -= 1,
            _ => {}
        }
        let versions = Arc::make_mut(&mut self.overlay).entry(id).or_default();
        if versions.len() == KEPT_VERSIONS {
            versions.remove(0);
        }
        versions.push(Version { recorded_at, row });
    }

    /// The catalogue as it was at `as_of` (microseconds since 1970, by this machine's clock).
    pub fn snapshot(&self, as_of: i64) -> Snapshot {
        Snapshot { generator: Arc::clone(&self.generator), overlay: Arc::clone(&self.overlay), as_of }
    }
}

impl Snapshot {
    /// The next premise modified after `since` (all, when `None`), or `None` at the end.
    pub fn next(&self, cursor: &mut Cursor, since: Option<i64>) -> Option<Premise<'_>> {
        let wanted = |modified_at: i64| since.is_none_or(|since| modified_at > since);
        while cursor.generated < self.generator.premises() {
            let k = cursor.generated;
            cursor.generated += 1;
            match self.version(self.generator.id(k)) {
                None if wanted(self.generator.modified_at(k)) => return Some(self.generator.premise(k)),
                Some(Version { row: Some(row), .. }) if wanted(row.modified_at) => {
                    return Some(row.as_ref().clone());
                }
                _ => {}
            }
        }
        for id in self.overlay.range(cursor.added_after + 1..).map(|(id, _)| *id) {
            cursor.added_after = id;
            if self.generator.index(id).is_some() {
                continue;
            }
            if let Some(Version { row: Some(row), .. }) = self.version(id)
                && wanted(row.modified_at)
            {
                return Some(row.as_ref().clone());
            }
        }
        None
    }

    /// The premise at that moment.
    pub fn get(&self, id: u64) -> Option<Premise<'_>> {
        match self.version(id) {
            Some(version) => version.row.as_ref().map(|row| row.as_ref().clone()),
            None => self.generator.index(id).map(|k| self.generator.premise(k)),
        }
    }

    /// What the overlay says of a premise at that moment, if anything.
    fn version(&self, id: u64) -> Option<&Version> {
        if self.overlay.is_empty() {
            return None;
        }
        let versions = self.overlay.get(&id)?;
        versions.iter().rev().find(|v| v.recorded_at <= self.as_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register() -> Register {
        Register::new(Generator::new(1, 100, 2026))
    }

    fn ids(snapshot: &Snapshot, since: Option<i64>) -> Vec<u64> {
        let mut cursor = Cursor::default();
        std::iter::from_fn(|| snapshot.next(&mut cursor, since).map(|p| p.id)).collect()
    }

    fn renamed(register: &Register, id: u64, name: &'static str, modified_at: i64) -> Shared {
        let mut premise = register.latest_content(id).unwrap().as_ref().clone();
        premise.name = Some(name.into());
        premise.modified_at = modified_at;
        Arc::new(premise)
    }

    #[test]
    fn changes_additions_and_removals_show() {
        let mut register = register();
        let (changed, removed, added) = (register.generator.id(5), register.generator.id(6), 9_999_999);
        register.set(changed, Some(renamed(&register, changed, "NEW", 1)), 10);
        register.set(removed, None, 11);
        let newcomer = register.generator.newcomer(added).into_owned();
        register.set(added, Some(Arc::new(newcomer)), 12);
        assert_eq!(register.live(), 100);
        let snapshot = register.snapshot(i64::MAX);
        let listed = ids(&snapshot, None);
        assert_eq!(listed.len(), 100);
        assert!(!listed.contains(&removed));
        assert_eq!(listed.last(), Some(&added));
        assert_eq!(snapshot.get(changed).unwrap().name.as_deref(), Some("NEW"));
        assert_eq!(register.unused_id(), added + 1);
        register.set(removed, register.latest_content(removed), 13);
        assert_eq!(register.live(), 101);
    }

    #[test]
    fn a_snapshot_stays_as_it_was() {
        let mut register = register();
        let id = register.generator.id(5);
        let before = register.snapshot(i64::MAX);
        register.set(id, None, 10);
        assert!(before.get(id).is_some());
        assert!(register.snapshot(i64::MAX).get(id).is_none());
        assert!(register.snapshot(9).get(id).is_some(), "an earlier moment");
    }

    #[test]
    fn since_is_strictly_after() {
        let mut register = register();
        let id = register.generator.id(5);
        let last = (0..100).map(|k| register.generator.modified_at(k)).max().unwrap();
        register.set(id, Some(renamed(&register, id, "NEW", last + 5)), 1);
        let snapshot = register.snapshot(i64::MAX);
        assert_eq!(ids(&snapshot, Some(last + 4)), [id]);
        assert!(ids(&snapshot, Some(last + 5)).is_empty());
    }

    #[test]
    fn versions_are_bounded() {
        let mut register = register();
        let id = register.generator.id(5);
        for n in 0..100 {
            register.set(id, Some(renamed(&register, id, "NEW", n)), n);
        }
        assert_eq!(register.overlay[&id].len(), KEPT_VERSIONS);
        assert_eq!(register.snapshot(90).get(id).unwrap().modified_at, 90);
    }
}
