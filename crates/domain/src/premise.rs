//! A premise as the register keeps it: normalised, typed, comparable.
//!
//! The JSON form of [`PremiseContent`] is what travels to Postgres; its keys are the column names
//! of `premises`. An absent field keeps the register's value, an explicit null clears it.

use chrono::NaiveDate;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::{acceptance::WATCHED, rank::ContentHash};

/// A field of an observation: said with a value, said to be empty, or not said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// Not said: the register keeps what it has.
    #[default]
    Absent,
    /// Said to be empty: the register clears it.
    Null,
    /// Said.
    Value(T),
}

impl<T> Field<T> {
    /// Nothing was said.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value, where there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Absent | Self::Null => serializer.serialize_none(),
        }
    }
}

/// Something odd in what PPB said that did not keep it from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// The county is none of the 47; it stays as it came.
    CountyUnknown,
    /// The business type is not on the list; it stays as it came.
    BusinessTypeUnknown,
    /// The ownership is not on the list; it stays as it came.
    OwnershipUnknown,
    /// The cadre is not on the list; it stays as it came.
    CadreUnknown,
    /// The date was not written `YYYY-MM-DD`.
    DateReformatted,
    /// The timestamp had no zone and was read as Nairobi time.
    NaiveTimestamp,
    /// The year of validity is not the year of the date.
    ValidityYearMismatch,
}

/// What an observation says of a premise, normalised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the columns of `premises`, told in migrations and in normalise.rs")]
pub struct PremiseContent {
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub name: Field<String>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub county: Field<String>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub constituency: Field<String>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub ward: Field<String>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub business_type: Field<String>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub ownership: Field<String>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub superintendent_registration_no: Field<String>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub superintendent_name: Field<String>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub superintendent_cadre: Field<String>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub license_validity: Field<NaiveDate>,
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub validity_year: Field<i32>,
    pub flags: Vec<Flag>,
}

impl PremiseContent {
    /// A complete statement, as a catalogue row is one: what it does not say is empty.
    #[must_use]
    pub fn complete(mut self) -> Self {
        fn fill<T>(field: &mut Field<T>) {
            if field.is_absent() {
                *field = Field::Null;
            }
        }
        for text in [
            &mut self.name,
            &mut self.county,
            &mut self.constituency,
            &mut self.ward,
            &mut self.business_type,
            &mut self.ownership,
            &mut self.superintendent_registration_no,
            &mut self.superintendent_name,
            &mut self.superintendent_cadre,
        ] {
            fill(text);
        }
        fill(&mut self.license_validity);
        fill(&mut self.validity_year);
        self
    }

    /// The JSON document and its hash. Field order is fixed, so equal content has equal bytes.
    pub fn encode(&self) -> EncodedContent {
        let document =
            serde_json::to_string(self).unwrap_or_else(|_| unreachable!("plain fields always encode"));
        let digest = Sha256::digest(document.as_bytes());
        let mut hash = ContentHash::default();
        hash.copy_from_slice(&digest[..16]);
        EncodedContent { document, hash, nulls: self.nulls() }
    }

    /// Which of the watched fields are said to be empty.
    fn nulls(&self) -> [bool; WATCHED.len()] {
        [
            self.county == Field::Null,
            self.constituency == Field::Null,
            self.ward == Field::Null,
            self.business_type == Field::Null,
            self.ownership == Field::Null,
            self.superintendent_registration_no == Field::Null,
            self.superintendent_name == Field::Null,
            self.superintendent_cadre == Field::Null,
            self.license_validity == Field::Null,
            self.validity_year == Field::Null,
        ]
    }
}

/// Normalised content, ready for the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedContent {
    /// [`PremiseContent`] as JSON.
    pub document: String,
    /// First 16 bytes of the document's SHA-256.
    pub hash: ContentHash,
    /// Which fields are said to be empty, in the order of [`WATCHED`].
    pub nulls: [bool; WATCHED.len()],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_nothing_of_absent_fields_and_null_of_empty_ones() {
        let content =
            PremiseContent { name: Field::Value("A".into()), ward: Field::Null, ..Default::default() };
        assert_eq!(content.encode().document, r#"{"name":"A","ward":null,"flags":[]}"#);
    }

    #[test]
    fn a_complete_statement_says_every_field() {
        let document = PremiseContent::default().complete().encode().document;
        let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&document).unwrap();
        assert_eq!(fields.len(), 12);
        assert!(fields.iter().all(|(name, value)| name == "flags" || value.is_null()));
    }

    #[test]
    fn nulls_are_told_in_the_order_of_the_watched_fields() {
        let names = serde_json::to_value(PremiseContent::default().complete()).unwrap();
        let names: Vec<&String> = names.as_object().unwrap().keys().collect();
        let watched: Vec<&str> = WATCHED.to_vec();
        assert!(watched.iter().all(|field| names.iter().any(|name| name == field)));
        let ward = PremiseContent { ward: Field::Null, validity_year: Field::Null, ..Default::default() };
        let nulls = ward.encode().nulls;
        let empty: Vec<&str> =
            WATCHED.into_iter().zip(nulls).filter_map(|(f, null)| null.then_some(f)).collect();
        assert_eq!(empty, ["ward", "validity_year"]);
    }

    #[test]
    fn equal_content_has_one_hash_and_other_content_another() {
        let a = PremiseContent { name: Field::Value("A".into()), ..Default::default() };
        let b = PremiseContent { name: Field::Value("B".into()), ..Default::default() };
        assert_eq!(a.encode(), a.clone().encode());
        assert_ne!(a.encode().hash, b.encode().hash);
        assert_ne!(a.encode().hash, a.complete().encode().hash);
    }
}
