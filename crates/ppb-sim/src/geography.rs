//! Where the premises are: 1,310 paths (county, constituency, ward) with the number of premises
//! on each, 11,543 together. The figures and the dirt (names under several parents, double spaces,
//! case twins, `/` compounds, apostrophes) are those known of the real catalogue.

use std::sync::LazyLock;

/// Number of premises in the real catalogue; one round of the slots.
pub const REAL_PREMISES: u64 = 11_543;

const TABLE: &str = include_str!("../data/geography.tsv");

/// One path, spelled as PPB spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path {
    /// Title Case.
    pub county: &'static str,
    /// UPPER CASE, but for the case twins.
    pub constituency: &'static str,
    /// UPPER CASE, but for the case twins.
    pub ward: &'static str,
}

/// All paths, and a slot for each real premise.
#[derive(Debug)]
pub struct Geography {
    paths: Vec<Path>,
    /// Index into `paths`, by slot.
    slots: Vec<u16>,
}

/// The table, read once.
pub static GEOGRAPHY: LazyLock<Geography> = LazyLock::new(|| Geography::read(TABLE));

impl Geography {
    fn read(table: &'static str) -> Self {
        let mut geography = Self { paths: Vec::new(), slots: Vec::new() };
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let mut cells = line.split('\t');
            let mut cell = || cells.next().unwrap_or_default();
            let path = Path { county: cell(), constituency: cell(), ward: cell() };
            let premises: usize = cell().parse().unwrap_or_default();
            let index = u16::try_from(geography.paths.len()).unwrap_or_default();
            geography.paths.push(path);
            geography.slots.extend(std::iter::repeat_n(index, premises));
        }
        geography
    }

    /// The path of a slot; slots repeat after [`REAL_PREMISES`].
    pub fn path(&self, slot: u64) -> Path {
        let slot = usize::try_from(slot % REAL_PREMISES).unwrap_or_default();
        self.paths[usize::from(self.slots[slot])]
    }

    /// The first slot on a path.
    pub fn first_slot(&self, path: Path) -> Option<u64> {
        let slot = self.slots.iter().position(|index| self.paths[usize::from(*index)] == path)?;
        u64::try_from(slot).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn parents(
        pairs: impl Iterator<Item = (&'static str, &'static str)>,
    ) -> HashMap<&'static str, HashSet<&'static str>> {
        let mut map: HashMap<_, HashSet<_>> = HashMap::new();
        for (name, parent) in pairs {
            map.entry(name).or_default().insert(parent);
        }
        map
    }

    fn shared(map: &HashMap<&'static str, HashSet<&'static str>>) -> usize {
        map.values().filter(|parents| parents.len() > 1).count()
    }

    #[test]
    fn figures_are_the_real_ones() {
        let paths = &GEOGRAPHY.paths;
        assert_eq!(GEOGRAPHY.slots.len() as u64, REAL_PREMISES);
        assert_eq!(paths.iter().collect::<HashSet<_>>().len(), 1_310);
        assert_eq!(paths.iter().map(|p| p.county).collect::<HashSet<_>>().len(), 47);
        let constituencies = parents(paths.iter().map(|p| (p.constituency, p.county)));
        assert_eq!((constituencies.len(), shared(&constituencies)), (289, 126));
        let wards = parents(paths.iter().map(|p| (p.ward, p.constituency)));
        assert_eq!((wards.len(), shared(&wards)), (1_063, 173));
    }

    #[test]
    fn counties_have_their_real_counts() {
        let count = |county| (0..REAL_PREMISES).filter(|s| GEOGRAPHY.path(*s).county == county).count();
        assert_eq!(["Nairobi", "Kiambu", "Nakuru", "Mombasa"].map(count), [2_969, 1_085, 544, 526]);
    }

    #[test]
    fn counties_are_the_official_47() {
        let names: HashSet<_> = GEOGRAPHY
            .paths
            .iter()
            .map(|p| premise_domain::county::official_name(p.county).expect(p.county))
            .collect();
        assert_eq!(names.len(), 47);
    }

    #[test]
    fn the_dirt_is_there() {
        let any = |test: fn(&str) -> bool| GEOGRAPHY.paths.iter().filter(|p| test(p.ward)).count();
        assert!(any(|w| w.contains("  ")) >= 10, "double spaces");
        assert!(any(|w| w.contains('/')) >= 20, "compounds");
        assert!(any(|w| w.contains('\'')) >= 5, "apostrophes");
        assert!(any(|w| w != w.to_uppercase()) >= 8, "case twins");
        assert!(GEOGRAPHY.paths.iter().any(|p| p.county == "Murang'a"));
        assert!(GEOGRAPHY.paths.iter().any(|p| p.constituency.contains("  ")));
    }
}
