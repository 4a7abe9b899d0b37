//! Writes a premise as a row of the catalogue, straight into a byte buffer.
//!
//! No `serde` value in between: a million-row answer is limited by the client, not by this. Faults
//! that touch single fields are applied here; which rows they hit depends on the seed and the id.

use crate::{
    dice::{Dice, Purpose},
    json::{push_key, push_number, push_string},
    premise::{Field, Premise},
    timestamp::{self, SECOND, Style},
};

/// What a fault does to a field of some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldFault {
    /// The field.
    pub field: Field,
    /// Share of the rows, 0 to 1.
    pub fraction: f64,
    /// What is done.
    pub twist: Twist,
}

/// The ways to spoil a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Twist {
    /// Its value is null.
    Null,
    /// It goes by another name.
    Renamed(String),
    /// A number becomes a string, a string an object.
    Retyped,
}

/// How instants are written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Instants {
    /// With or without a zone.
    pub style: Style,
    /// Share of the instants that are moved, and by how many microseconds.
    pub moved: Option<(f64, i64)>,
}

/// How rows are written.
#[derive(Debug, Clone, Default)]
pub struct RowShape {
    /// Write `lastModified`, and how.
    pub last_modified: Option<Instants>,
    /// Faults of single fields.
    pub faults: Vec<FieldFault>,
    /// Seed of the decisions which rows a fault hits.
    pub seed: u64,
}

const KEYS: [(Field, &str); 12] = [
    (Field::PremiseId, "premiseid"),
    (Field::PremiseName, "premisename"),
    (Field::County, "county"),
    (Field::Constituency, "constituency"),
    (Field::Ward, "ward"),
    (Field::BusinessType, "businesstype"),
    (Field::Ownership, "ownership"),
    (Field::SuperintendentRegistrationNo, "superintendentregistrationno"),
    (Field::SuperintendentName, "superintendentname"),
    (Field::SuperintendentCadre, "superintendentcadre"),
    (Field::LicenseValidity, "licensevalidity"),
    (Field::ValidityYear, "validityyear"),
];

impl Instants {
    /// Appends the instant, quoted, as this shape shows it for `item`.
    pub fn push(&self, out: &mut Vec<u8>, micros: i64, seed: u64, item: u64) {
        let moved = self.moved.filter(|(fraction, _)| {
            *fraction >= 1.0 || Dice::new(seed, item, Purpose::FutureTimestamps).chance(*fraction)
        });
        out.push(b'"');
        timestamp::push(out, micros.saturating_add(moved.map_or(0, |(_, by)| by)), self.style);
        out.push(b'"');
    }

    /// Instants moved by so many seconds.
    pub fn moved_by(seconds: i64, fraction: f64) -> Option<(f64, i64)> {
        Some((fraction, seconds.saturating_mul(SECOND)))
    }
}

/// Appends the row as a JSON object.
pub fn write(out: &mut Vec<u8>, premise: &Premise<'_>, shape: &RowShape) {
    let mut separator = b'{';
    for (field, key) in KEYS {
        out.push(separator);
        separator = b',';
        if shape.faults.is_empty() {
            push_key(out, key);
            push_value(out, premise, field);
        } else {
            write_spoiled(out, premise, shape, (field, key));
        }
    }
    if let Some(instants) = &shape.last_modified {
        out.push(separator);
        push_key(out, "lastModified");
        instants.push(out, premise.modified_at, shape.seed, premise.id);
    }
    out.push(b'}');
}

fn write_spoiled(out: &mut Vec<u8>, premise: &Premise<'_>, shape: &RowShape, (field, key): (Field, &str)) {
    let hit = |fault: &&FieldFault| fault.field == field && fault.hits(shape.seed, premise.id);
    let twists: Vec<&Twist> = shape.faults.iter().filter(hit).map(|fault| &fault.twist).collect();
    let renamed =
        twists.iter().find_map(|twist| if let Twist::Renamed(name) = twist { Some(name) } else { None });
    match renamed {
        Some(name) => {
            push_string(out, name);
            out.push(b':');
        }
        None => push_key(out, key),
    }
    if twists.contains(&&Twist::Null) {
        out.extend_from_slice(b"null");
    } else if twists.contains(&&Twist::Retyped) {
        push_retyped(out, premise, field);
    } else {
        push_value(out, premise, field);
    }
}

impl FieldFault {
    fn hits(&self, seed: u64, id: u64) -> bool {
        let purpose = match self.twist {
            Twist::Null => Purpose::Nulls,
            Twist::Renamed(_) => Purpose::Renamed,
            Twist::Retyped => Purpose::Retyped,
        };
        self.fraction >= 1.0 || Dice::new(seed, id, purpose).chance(self.fraction)
    }
}

fn push_retyped(out: &mut Vec<u8>, premise: &Premise<'_>, field: Field) {
    let mut value = Vec::with_capacity(48);
    push_value(&mut value, premise, field);
    let (before, after): (&[u8], &[u8]) =
        if value.first().is_some_and(u8::is_ascii_digit) { (b"\"", b"\"") } else { (b"{\"value\":", b"}") };
    for part in [before, &value, after] {
        out.extend_from_slice(part);
    }
}

fn push_value(out: &mut Vec<u8>, premise: &Premise<'_>, field: Field) {
    let text = match field {
        Field::PremiseId => return push_number(out, Some(premise.id)),
        Field::SuperintendentRegistrationNo => return push_number(out, premise.registration_no),
        Field::ValidityYear => return push_number(out, premise.validity_year),
        Field::PremiseName => &premise.name,
        Field::County => &premise.county,
        Field::Constituency => &premise.constituency,
        Field::Ward => &premise.ward,
        Field::BusinessType => &premise.business_type,
        Field::Ownership => &premise.ownership,
        Field::SuperintendentName => &premise.superintendent,
        Field::SuperintendentCadre => &premise.cadre,
        Field::LicenseValidity => &premise.license_validity,
    };
    match text {
        Some(text) => push_string(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::generator::Generator;

    fn written(premise: &Premise<'_>, shape: &RowShape) -> Value {
        let mut out = Vec::new();
        write(&mut out, premise, shape);
        serde_json::from_slice(&out).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out)))
    }

    fn spoiled(field: Field, fraction: f64, twist: Twist) -> RowShape {
        RowShape { faults: vec![FieldFault { field, fraction, twist }], ..RowShape::default() }
    }

    #[test]
    fn the_seed_document_s_row_is_exact() {
        let generator = Generator::new(1, 1, 2026);
        let mut out = Vec::new();
        write(&mut out, &generator.premise(0), &RowShape::default());
        let expected = concat!(
            r#"{"premiseid":34014,"premisename":"LIBWOB PHARMACY","county":"Uasin Gishu","constituency":"TURBO","#,
            r#""ward":"KAMAGUT","businesstype":"RETAIL","ownership":"SOLE PROPRIETOR","#,
            r#""superintendentregistrationno":11363,"superintendentname":"KIPLAGAT K AMON","#,
            r#""superintendentcadre":"PHARMTECH","licensevalidity":"2025-12-31","validityyear":2025}"#
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn last_modified_can_be_plain_naive_or_in_the_future() {
        let generator = Generator::new(1, 1, 2026);
        let shown = |instants| {
            let shape = RowShape { last_modified: Some(instants), ..RowShape::default() };
            written(&generator.premise(0), &shape)["lastModified"].clone()
        };
        assert_eq!(shown(Instants::default()), "2025-12-11T09:15:00Z");
        let naive = Instants { style: Style { naive: true }, moved: None };
        assert_eq!(shown(naive), "2025-12-11T12:15:00");
        let future = Instants { moved: Instants::moved_by(3600, 1.0), ..Instants::default() };
        assert_eq!(shown(future), "2025-12-11T10:15:00Z");
    }

    #[test]
    fn fields_are_nulled_renamed_and_retyped() {
        let generator = Generator::new(1, 1, 2026);
        let row = |shape| written(&generator.premise(0), &shape);
        assert_eq!(row(spoiled(Field::County, 1.0, Twist::Null))["county"], Value::Null);
        let renamed = row(spoiled(Field::PremiseName, 1.0, Twist::Renamed("premise_name".into())));
        assert_eq!(renamed["premise_name"], "LIBWOB PHARMACY");
        assert!(renamed.get("premisename").is_none());
        assert_eq!(row(spoiled(Field::PremiseId, 1.0, Twist::Retyped))["premiseid"], "34014");
        assert_eq!(
            row(spoiled(Field::County, 1.0, Twist::Retyped))["county"],
            json!({"value": "Uasin Gishu"})
        );
    }

    #[test]
    fn a_fraction_hits_the_same_rows_every_time() {
        let generator = Generator::new(1, 2_000, 2026);
        let shape = spoiled(Field::Ward, 0.1, Twist::Null);
        let hit =
            || (0..2_000).filter(|k| written(&generator.premise(*k), &shape)["ward"].is_null()).collect();
        let first: Vec<u64> = hit();
        assert!((140..260).contains(&first.len()), "{}", first.len());
        assert_eq!(first, hit());
    }
}
