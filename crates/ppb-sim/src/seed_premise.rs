//! The premise of the seed document, under a former name: the webhook that the document shows then
//! changes something. Every catalogue starts with it.

use std::borrow::Cow;

use crate::{
    geography::Path,
    premise::{Premise, Text},
};

/// Its id.
pub const ID: u64 = 34_014;
/// Where it is.
pub const PATH: Path = Path { county: "Uasin Gishu", constituency: "TURBO", ward: "KAMAGUT" };
/// When it was last modified: 2025-12-11T09:15:00Z, as in the document's example of the wished-for
/// field.
pub const MODIFIED_AT: i64 = 1_765_444_500_000_000;

/// The premise.
pub fn premise() -> Premise<'static> {
    let text = |text: &'static str| -> Text<'static> { Some(Cow::Borrowed(text)) };
    Premise {
        id: ID,
        name: text("LIBWOB PHARMACY"),
        county: text(PATH.county),
        constituency: text(PATH.constituency),
        ward: text(PATH.ward),
        business_type: text("RETAIL"),
        ownership: text("SOLE PROPRIETOR"),
        registration_no: Some(11_363),
        superintendent: text("KIPLAGAT K AMON"),
        cadre: text("PHARMTECH"),
        license_validity: text("2025-12-31"),
        validity_year: Some(2025),
        modified_at: MODIFIED_AT,
    }
}
