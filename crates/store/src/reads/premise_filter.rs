//! What a list of premises may be asked for. Closed enums and plain values: nothing of it ever
//! becomes SQL text.

use std::str::FromStr;

use chrono::{NaiveDate, TimeDelta};
use premise_domain::{
    county::official_name,
    license::{EXPIRING_DAYS, LicenseStatus},
    vocabulary,
};

use super::comparable;
pub use super::sort::{Sort, SortKey};

/// Which premises, and in which order. Every filter that is given must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PremiseFilter {
    /// Words of the name, a premise id (`34014` or `PREMISE-34014`), or a superintendent's
    /// registration number. See [`crate::reads::premises::list`].
    pub search: Option<String>,
    /// Any spelling of an official name, or exactly as the register holds it.
    pub county: Option<String>,
    /// Exactly as the register holds it.
    pub constituency: Option<String>,
    /// Exactly as the register holds it.
    pub ward: Option<String>,
    /// A word of the vocabulary, in any case.
    pub business_type: Option<String>,
    /// A word of the vocabulary, in any case.
    pub ownership: Option<String>,
    /// Of the superintendent: a word of the vocabulary, in any case.
    pub cadre: Option<String>,
    /// Registered or deregistered ones; a register shows the former unless asked.
    pub status: StatusFilter,
    /// Status of the licence on `today`.
    pub license_status: Option<LicenseStatus>,
    /// The order; `None` is by relevance for a search and by name without one.
    pub sort: Option<Sort>,
    /// The Kenyan calendar day.
    pub today: NaiveDate,
}

impl PremiseFilter {
    /// All active premises, by name.
    pub fn on(today: NaiveDate) -> Self {
        Self {
            search: None,
            county: None,
            constituency: None,
            ward: None,
            business_type: None,
            ownership: None,
            cadre: None,
            status: StatusFilter::default(),
            license_status: None,
            sort: None,
            today,
        }
    }

    pub(super) fn values(&self) -> Values {
        let listed = |word: &Option<String>, list: &[&'static str]| {
            let word = comparable(word.as_deref()?);
            Some(vocabulary::listed(&word, list).map_or_else(|upper| upper, str::to_owned))
        };
        let range = self.license_status.map(|status| ValidityRange::of(status, self.today));
        Values {
            county: self.county.as_deref().map(|name| official_name(name).unwrap_or(name)).map(comparable),
            constituency: self.constituency.as_deref().map(comparable),
            ward: self.ward.as_deref().map(comparable),
            business_type: listed(&self.business_type, vocabulary::BUSINESS_TYPES),
            ownership: listed(&self.ownership, vocabulary::OWNERSHIPS),
            cadre: listed(&self.cadre, vocabulary::CADRES),
            is_tombstone: match self.status {
                StatusFilter::Active => Some(false),
                StatusFilter::Inactive => Some(true),
                StatusFilter::Any => None,
            },
            validity: range.unwrap_or_default(),
        }
    }
}

/// The values of `filter.sql`, in its order.
pub(super) struct Values {
    pub(super) county: Option<String>,
    pub(super) constituency: Option<String>,
    pub(super) ward: Option<String>,
    pub(super) business_type: Option<String>,
    pub(super) ownership: Option<String>,
    pub(super) cadre: Option<String>,
    pub(super) is_tombstone: Option<bool>,
    pub(super) validity: ValidityRange,
}

/// A licence status as a range of last valid days, so that an index can answer it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ValidityRange {
    pub(super) from: Option<NaiveDate>,
    pub(super) through: Option<NaiveDate>,
    pub(super) unknown: bool,
}

impl ValidityRange {
    fn of(status: LicenseStatus, today: NaiveDate) -> Self {
        let last_expiring = last_expiring_day(today);
        let (from, through, unknown) = match status {
            LicenseStatus::Valid => (last_expiring.succ_opt(), None, false),
            LicenseStatus::Expiring => (Some(today), Some(last_expiring), false),
            LicenseStatus::Expired => (None, today.pred_opt(), false),
            LicenseStatus::Unknown => (None, None, true),
        };
        Self { from, through, unknown }
    }
}

/// Last day of validity that counts as expiring on `today`.
pub(super) fn last_expiring_day(today: NaiveDate) -> NaiveDate {
    today.checked_add_signed(TimeDelta::days(EXPIRING_DAYS)).unwrap_or(NaiveDate::MAX)
}

/// Registered, deregistered, or both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum StatusFilter {
    /// Registered with PPB.
    #[default]
    Active,
    /// Deregistered.
    Inactive,
    /// Both.
    Any,
}

/// The word is not one of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {0}")]
pub struct UnknownWord(pub(super) &'static str);

impl FromStr for StatusFilter {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "active" => Ok(Self::Active),
            "inactive" => Ok(Self::Inactive),
            "any" => Ok(Self::Any),
            _ => Err(UnknownWord("active, inactive, any")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_the_days_of_its_status_and_no_other() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 24).unwrap();
        let all =
            [LicenseStatus::Valid, LicenseStatus::Expiring, LicenseStatus::Expired, LicenseStatus::Unknown];
        for day in -100..=100 {
            let validity = today + TimeDelta::days(day);
            for status in all {
                let range = ValidityRange::of(status, today);
                let inside = !range.unknown
                    && range.from.is_none_or(|from| validity >= from)
                    && range.through.is_none_or(|through| validity <= through);
                assert_eq!(
                    inside,
                    LicenseStatus::on(today, Some(validity)) == status,
                    "{validity} and {status:?}"
                );
            }
        }
    }

    #[test]
    fn knows_official_names_and_words_in_any_case() {
        let mut filter = PremiseFilter::on(NaiveDate::default());
        filter.county = Some("MURANGA".into());
        filter.business_type = Some("retail".into());
        let values = filter.values();
        assert_eq!(values.county.as_deref(), Some("Murang'a"));
        assert_eq!(values.business_type.as_deref(), Some("RETAIL"));
        assert_eq!(values.is_tombstone, Some(false));
    }
}
