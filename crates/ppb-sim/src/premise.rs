//! A premise as the simulator knows it, and a change asked of it.
//!
//! Texts are free: the simulator may be told to hold a wrong date or an unknown county, so that a
//! client's judgement can be tested. Types are checked; a wrong type is played by a fault.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use crate::timestamp;

/// A text that may be null.
pub type Text<'a> = Option<Cow<'a, str>>;

/// The fields of a catalogue row, in PPB's order. Their names are PPB's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "PPB's own names")]
pub enum Field {
    PremiseId,
    PremiseName,
    County,
    Constituency,
    Ward,
    BusinessType,
    Ownership,
    SuperintendentRegistrationNo,
    SuperintendentName,
    SuperintendentCadre,
    LicenseValidity,
    ValidityYear,
}

/// One premise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of the catalogue, one to one")]
pub struct Premise<'a> {
    pub id: u64,
    pub name: Text<'a>,
    pub county: Text<'a>,
    pub constituency: Text<'a>,
    pub ward: Text<'a>,
    pub business_type: Text<'a>,
    pub ownership: Text<'a>,
    pub registration_no: Option<u64>,
    pub superintendent: Text<'a>,
    pub cadre: Text<'a>,
    pub license_validity: Text<'a>,
    pub validity_year: Option<u64>,
    /// Microseconds since 1970, by PPB's clock.
    pub modified_at: i64,
}

impl Premise<'_> {
    /// The same, free of what it borrows.
    pub fn into_owned(self) -> Premise<'static> {
        let own = |text: Text<'_>| text.map(|text| Cow::Owned(text.into_owned()));
        Premise {
            id: self.id,
            name: own(self.name),
            county: own(self.county),
            constituency: own(self.constituency),
            ward: own(self.ward),
            business_type: own(self.business_type),
            ownership: own(self.ownership),
            registration_no: self.registration_no,
            superintendent: own(self.superintendent),
            cadre: own(self.cadre),
            license_validity: own(self.license_validity),
            validity_year: self.validity_year,
            modified_at: self.modified_at,
        }
    }
}

/// What a change does to one field.
#[derive(Debug, Default)]
enum Change<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<T> Change<T> {
    fn of(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(|value| value.map_or(Self::Clear, Self::Set))
    }
}

/// A change: absent keeps, null clears, a value sets.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Patch {
    premiseid: Option<u64>,
    premisename: Change<String>,
    county: Change<String>,
    constituency: Change<String>,
    ward: Change<String>,
    businesstype: Change<String>,
    ownership: Change<String>,
    superintendentregistrationno: Change<u64>,
    superintendentname: Change<String>,
    superintendentcadre: Change<String>,
    licensevalidity: Change<String>,
    validityyear: Change<u64>,
    #[serde(rename = "lastModified", deserialize_with = "instant")]
    last_modified: Option<i64>,
}

impl Patch {
    /// The id the body states, where it states one.
    pub fn stated_id(&self) -> Option<u64> {
        self.premiseid
    }

    /// Whether it says when the premise was modified.
    pub fn states_instant(&self) -> bool {
        self.last_modified.is_some()
    }

    /// `current` with this change. An instant that is not stated is left as it is.
    pub fn apply(self, current: &Premise<'static>) -> Premise<'static> {
        let text = |change: Change<String>, now: &Text<'static>| match change {
            Change::Keep => now.clone(),
            Change::Clear => None,
            Change::Set(text) => Some(Cow::Owned(text)),
        };
        Premise {
            id: current.id,
            name: text(self.premisename, &current.name),
            county: text(self.county, &current.county),
            constituency: text(self.constituency, &current.constituency),
            ward: text(self.ward, &current.ward),
            business_type: text(self.businesstype, &current.business_type),
            ownership: text(self.ownership, &current.ownership),
            registration_no: self.superintendentregistrationno.of(current.registration_no),
            superintendent: text(self.superintendentname, &current.superintendent),
            cadre: text(self.superintendentcadre, &current.cadre),
            license_validity: text(self.licensevalidity, &current.license_validity),
            validity_year: self.validityyear.of(current.validity_year),
            modified_at: self.last_modified.unwrap_or(current.modified_at),
        }
    }
}

fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    timestamp::read(&text).map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::Generator;

    #[test]
    fn a_patch_keeps_sets_and_clears() {
        let current = Generator::new(1, 10, 2026).premise(3).into_owned();
        let patch: Patch = serde_json::from_str(
            r#"{"premisename":"NEW NAME","county":null,"validityyear":2030,"lastModified":"2025-12-11T09:15:00Z"}"#,
        )
        .unwrap();
        let changed = patch.apply(&current);
        assert_eq!(changed.name.as_deref(), Some("NEW NAME"));
        assert_eq!(changed.county, None);
        assert_eq!(changed.ward, current.ward);
        assert_eq!(changed.validity_year, Some(2030));
        assert_eq!(changed.modified_at, 1_765_444_500_000_000);
    }

    #[test]
    fn a_patch_says_what_is_wrong() {
        let error = |json| serde_json::from_str::<Patch>(json).unwrap_err().to_string();
        assert!(error(r#"{"name":"X"}"#).contains("unknown field `name`, expected one of `premiseid`"));
        assert!(error(r#"{"validityyear":"2026"}"#).contains("expected u64"));
        assert!(error(r#"{"lastModified":"yesterday"}"#).contains("2025-12-11T10:30:00Z"));
    }
}
