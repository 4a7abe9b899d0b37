//! The orders of a list. Each is the order of an index, read forwards or backwards.

use std::str::FromStr;

use super::premise_filter::UnknownWord;

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortKey {
    /// The name without regard to case.
    Name,
    /// PPB's number.
    PremiseId,
    /// Last valid day of the licence; an unknown one counts as latest.
    LicenseValidity,
    /// When the register last changed the premise.
    ChangedAt,
}

/// An order: written as the key (`changedAt`), descending with a minus before it (`-changedAt`).
/// Equal keys are ordered by premise id, in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sort {
    /// Sorted by this.
    pub key: SortKey,
    /// Largest first.
    pub descending: bool,
}

impl Sort {
    pub(super) const BY_NAME: Self = Self { key: SortKey::Name, descending: false };

    /// The ORDER BY of it.
    pub(super) fn order(self) -> &'static str {
        match (self.key, self.descending) {
            (SortKey::Name, false) => r#"lower(name) COLLATE "C", premise_id"#,
            (SortKey::Name, true) => r#"lower(name) COLLATE "C" DESC, premise_id DESC"#,
            (SortKey::PremiseId, false) => "premise_id",
            (SortKey::PremiseId, true) => "premise_id DESC",
            (SortKey::LicenseValidity, false) => "license_validity, premise_id",
            (SortKey::LicenseValidity, true) => "license_validity DESC, premise_id DESC",
            (SortKey::ChangedAt, false) => "changed_at, premise_id",
            (SortKey::ChangedAt, true) => "changed_at DESC, premise_id DESC",
        }
    }
}

impl FromStr for Sort {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let (descending, key) = text.strip_prefix('-').map_or((false, text), |key| (true, key));
        let key = match key {
            "name" => SortKey::Name,
            "premiseId" => SortKey::PremiseId,
            "licenseValidity" => SortKey::LicenseValidity,
            "changedAt" => SortKey::ChangedAt,
            _ => {
                return Err(UnknownWord(
                    "name, premiseId, licenseValidity, changedAt, each also with a minus before it",
                ));
            }
        };
        Ok(Self { key, descending })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_orders() {
        let sort = |text: &str| text.parse::<Sort>().map(|sort| (sort.key, sort.descending));
        assert_eq!(sort("name"), Ok((SortKey::Name, false)));
        assert_eq!(sort("-changedAt"), Ok((SortKey::ChangedAt, true)));
        assert!(sort("--name").is_err() && sort("raw").is_err() && sort("").is_err());
    }
}
