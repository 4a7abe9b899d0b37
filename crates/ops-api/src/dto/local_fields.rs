//! What an operator sets of a premise: `gln` and `notes`. An absent member keeps its value, null clears it.

use premise_domain::FieldError;
use premise_domain::gln::Gln;
use premise_domain::premise::Field;
use premise_store::local_fields::{LocalFields, Notes};
use serde_json::{Map, Value};

/// Reads a body; tells every member that is wrong and repeats no value.
pub(crate) fn read(body: Map<String, Value>) -> Result<LocalFields, Vec<FieldError>> {
    let mut fields = LocalFields::default();
    let mut errors = Vec::new();
    for (name, value) in body {
        let wrong = match name.as_str() {
            "gln" => put(&mut fields.gln, &value, str::parse::<Gln>),
            "notes" => put(&mut fields.notes, &value, Notes::new),
            _ => Some("cannot be set here; gln and notes can".to_owned()),
        };
        errors.extend(wrong.map(|message| FieldError::new(name, message)));
    }
    if errors.is_empty() { Ok(fields) } else { Err(errors) }
}

/// Sets the field to what the value says; returns what is wrong with it.
fn put<T, E: ToString>(
    field: &mut Field<T>,
    value: &Value,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<String> {
    match value {
        Value::Null => *field = Field::Null,
        Value::String(text) => match parse(text) {
            Ok(parsed) => *field = Field::Value(parsed),
            Err(error) => return Some(error.to_string()),
        },
        _ => return Some("must be a text or null".to_owned()),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn given(body: &Value) -> Result<LocalFields, Vec<FieldError>> {
        read(body.as_object().unwrap().clone())
    }

    #[test]
    fn absent_null_and_value_are_three_things() {
        assert_eq!(given(&json!({})), Ok(LocalFields::default()));
        let fields = given(&json!({"gln": "6291041500213", "notes": null})).unwrap();
        let gln = Field::Value("6291041500213".parse().unwrap());
        assert_eq!(fields, LocalFields { gln, notes: Field::Null });
    }

    #[test]
    fn every_member_that_is_wrong_is_named() {
        let errors = given(&json!({"gln": "6291041500214", "notes": 5, "premiseName": "X"})).unwrap_err();
        let named: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(named, ["gln", "notes", "premiseName"]);
        assert!(errors[0].message.contains("should be 3"), "{errors:?}");
    }
}
