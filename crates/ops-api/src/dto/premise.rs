//! A premise, and what it went through.

use chrono::{DateTime, NaiveDate, Utc};
use premise_domain::license::LicenseStatus;
use premise_store::reads::changes::ChangeRow;
use premise_store::reads::premise_row::PremiseRow;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// One premise with its provenance. No `Debug`: it names a person.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PremiseView {
    /// `PREMISE-34014`.
    premise_id: String,
    /// PPB's number, 34014.
    id: i64,
    premise_name: Option<String>,
    county: Option<String>,
    constituency: Option<String>,
    ward: Option<String>,
    business_type: Option<String>,
    ownership: Option<String>,
    superintendent_registration_no: Option<String>,
    superintendent_name: Option<String>,
    superintendent_cadre: Option<String>,
    /// Last valid day.
    license_validity: Option<NaiveDate>,
    validity_year: Option<i32>,
    /// On the day of the answer, in Kenya.
    license_status: LicenseStatus,
    status: &'static str,
    gln: Option<String>,
    notes: Option<String>,
    flags: Value,
    provenance: Provenance,
}

/// Where what we say of a premise comes from.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Provenance {
    channel: String,
    source_ref: Uuid,
    effective_at: DateTime<Utc>,
    as_of: Option<DateTime<Utc>>,
    first_seen_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

impl PremiseView {
    /// `today` is the Kenyan day that the licence is judged on.
    pub(crate) fn new(row: PremiseRow, today: NaiveDate) -> Self {
        Self {
            premise_id: row.premise_id.to_string(),
            id: row.premise_id.get(),
            license_status: row.license_status(today),
            premise_name: row.name,
            county: row.county,
            constituency: row.constituency,
            ward: row.ward,
            business_type: row.business_type,
            ownership: row.ownership,
            superintendent_registration_no: row.superintendent_registration_no,
            superintendent_name: row.superintendent_name,
            superintendent_cadre: row.superintendent_cadre,
            license_validity: row.license_validity,
            validity_year: row.validity_year,
            status: if row.is_tombstone { "inactive" } else { "active" },
            gln: row.gln,
            notes: row.notes,
            flags: row.flags,
            provenance: Provenance {
                channel: row.channel,
                source_ref: row.source_ref,
                effective_at: row.effective_at,
                as_of: row.as_of,
                first_seen_at: row.first_seen_at,
                changed_at: row.changed_at,
            },
        }
    }
}

/// A page of premises.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PremiseList {
    pub(crate) premises: Vec<PremiseView>,
    pub(crate) total: i64,
    /// The search found more than it counts; `total` is where it stopped.
    pub(crate) total_is_limit: bool,
    pub(crate) page: u32,
    pub(crate) limit: u32,
}

/// One change of a premise.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    seq: i64,
    premise_id: String,
    kind: &'static str,
    /// The fields that changed, as they were.
    from: Value,
    /// The same fields as they became.
    to: Value,
    effective_at: DateTime<Utc>,
    channel: String,
    source_ref: Uuid,
    recorded_at: DateTime<Utc>,
}

impl From<ChangeRow> for Change {
    fn from(row: ChangeRow) -> Self {
        Self {
            seq: row.seq,
            premise_id: row.premise_id.to_string(),
            kind: row.kind.as_str(),
            from: public_names(row.old_values),
            to: public_names(row.new_values),
            effective_at: row.effective_at,
            channel: row.channel,
            source_ref: row.source_ref,
            recorded_at: row.recorded_at,
        }
    }
}

/// The latest changes of a premise.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct History {
    pub(crate) premise_id: String,
    pub(crate) changes: Vec<Change>,
    pub(crate) limit: u32,
}

/// Column names become the names of [`PremiseView`].
fn public_names(values: Value) -> Value {
    let Value::Object(fields) = values else { return values };
    let renamed: Map<String, Value> =
        fields.into_iter().map(|(column, value)| (public_name(&column), value)).collect();
    Value::Object(renamed)
}

fn public_name(column: &str) -> String {
    if column == "name" {
        return "premiseName".to_owned();
    }
    let mut name = String::with_capacity(column.len());
    let mut upper = false;
    for letter in column.chars() {
        if letter == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            name.extend(letter.to_uppercase());
        } else {
            name.push(letter);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changed_fields_are_called_as_in_a_premise() {
        let columns = json!({"name": "A", "superintendent_registration_no": "1", "county": null});
        let public = json!({"premiseName": "A", "superintendentRegistrationNo": "1", "county": null});
        assert_eq!(public_names(columns), public);
    }
}
