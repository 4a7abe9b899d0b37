//! Looking into the register.

use serde_json::Value;

use crate::Verdict;
use crate::api::Api;
use crate::args::{ListArgs, PremisesCommand};
use crate::print::{Printer, fields, page_line, table};

const COLUMNS: &[(&str, &str)] = &[
    ("PREMISE", "premiseId"),
    ("NAME", "premiseName"),
    ("COUNTY", "county"),
    ("TYPE", "businessType"),
    ("STATUS", "status"),
    ("LICENCE", "licenseStatus"),
    ("VALID THROUGH", "licenseValidity"),
];

const LINES: &[(&str, &str)] = &[
    ("premise", "premiseId"),
    ("name", "premiseName"),
    ("status", "status"),
    ("county", "county"),
    ("constituency", "constituency"),
    ("ward", "ward"),
    ("business type", "businessType"),
    ("ownership", "ownership"),
    ("superintendent", "superintendentName"),
    ("registration no", "superintendentRegistrationNo"),
    ("cadre", "superintendentCadre"),
    ("licence", "licenseStatus"),
    ("valid through", "licenseValidity"),
    ("GLN", "gln"),
    ("notes", "notes"),
    ("flags", "flags"),
    ("said by", "provenance.channel"),
    ("source", "provenance.sourceRef"),
    ("true as of", "provenance.effectiveAt"),
    ("first seen", "provenance.firstSeenAt"),
    ("changed", "provenance.changedAt"),
];

const CHANGES: &[(&str, &str)] =
    &[("RECORDED", "recordedAt"), ("KIND", "kind"), ("BY", "channel"), ("FROM", "from"), ("TO", "to")];

pub(crate) async fn run(api: &Api, out: &Printer, what: PremisesCommand) -> anyhow::Result<Verdict> {
    match what {
        PremisesCommand::List(args) => {
            let found = api.get("", &query(*args)).await?;
            out.document(&found, |found| {
                table(&found["premises"], COLUMNS) + &page_line(found, &found["premises"])
            })?;
        }
        PremisesCommand::Show { id } => {
            let premise = api.get(&id.to_string(), &[]).await?;
            out.document(&premise, |premise| fields(premise, LINES))?;
        }
        PremisesCommand::History { id, limit } => {
            let changes = api.get(&format!("{id}/history"), &[("limit", limit.to_string())]).await?;
            out.document(&changes, |changes| table(&changes["changes"], CHANGES))?;
        }
        PremisesCommand::Set { id, gln, notes } => {
            let premise = api.patch_json(&id.to_string(), &body(gln, notes)).await?;
            out.document(&premise, |premise| fields(premise, LINES))?;
        }
    }
    Ok(Verdict::Good)
}

/// The members that are given; an empty text becomes null, which clears the field.
fn body(gln: Option<String>, notes: Option<String>) -> Value {
    let given = [("gln", gln), ("notes", notes)].into_iter().filter_map(|(name, text)| Some((name, text?)));
    let member = |(name, text): (&str, String)| {
        let value = if text.is_empty() { Value::Null } else { Value::String(text) };
        (name.to_owned(), value)
    };
    Value::Object(given.map(member).collect())
}

fn query(args: ListArgs) -> Vec<(&'static str, String)> {
    let filters = [
        ("search", args.search),
        ("county", args.county),
        ("constituency", args.constituency),
        ("ward", args.ward),
        ("businessType", args.business_type),
        ("ownership", args.ownership),
        ("cadre", args.cadre),
        ("status", args.status),
        ("licenseStatus", args.license_status),
        ("sort", args.sort),
        ("page", Some(args.page.page.to_string())),
        ("limit", Some(args.page.limit.to_string())),
    ];
    filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
