//! A row of PPB's catalogue, as the pull meets it.

use crate::{
    FieldError,
    normalise::{Normalised, normalise},
    source_row::SourceRow,
};

/// Name of the list inside the catalogue's `_embedded` object.
pub const EMBEDDED_LIST: &str = "vwApiCurrentPremiseList";

/// Reads one row. A catalogue row is complete: what it does not say is empty, and it has a name.
pub fn read_row(raw: &str) -> Result<Normalised, Vec<FieldError>> {
    let row = SourceRow::parse(raw).ok_or_else(|| {
        vec![FieldError::new("row", "must be an object with the premise's fields, each given once")]
    })?;
    let mut normalised = normalise(&row)?;
    if normalised.content.name.is_absent() {
        return Err(vec![FieldError::new("premisename", "is required")]);
    }
    normalised.content = normalised.content.complete();
    Ok(normalised)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::premise::Field;

    #[test]
    fn a_row_is_complete() {
        let row = read_row(r#"{"premiseid":1,"premisename":"A"}"#).unwrap();
        assert_eq!(row.content.county, Field::Null);
    }

    #[test]
    fn a_row_without_key_or_name_is_refused() {
        assert_eq!(read_row(r#"{"premisename":"A"}"#).unwrap_err()[0].field, "premiseid");
        assert_eq!(read_row(r#"{"premiseid":1}"#).unwrap_err()[0].field, "premisename");
        assert_eq!(read_row("[]").unwrap_err()[0].field, "row");
    }
}
