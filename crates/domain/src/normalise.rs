//! From what PPB said to what the register keeps, field by field:
//!
//! | field | rule |
//! |---|---|
//! | `premiseid` | whole number > 0, or its digits in a string |
//! | every text | trimmed, runs of white space become one space, empty means null |
//! | `premisename` | never null |
//! | `county` | one of the 47 official names, else kept and flagged |
//! | `businesstype`, `ownership`, `superintendentcadre` | upper case, one of the list, else kept and flagged |
//! | `superintendentregistrationno` | text; a number is written in digits |
//! | `licensevalidity` | `YYYY-MM-DD`; RFC 3339 and `D/M/YYYY` are read and flagged; impossible dates refused |
//! | `validityyear` | 1900 to 9999; flagged when it is not the year of `licensevalidity` |
//! | `lastModified` | see [`crate::source_time`] |
//!
//! Errors name the field and never repeat its value: it may be personal data.

mod date;

use chrono::{Datelike, NaiveDate};

use crate::{
    FieldError, PremiseId, county,
    premise::{Field, Flag, PremiseContent},
    source_row::{Said, SourceRow},
    source_time::{self, SourceTime},
    vocabulary,
};

/// Longest text the register takes, in bytes: several of them share one index entry.
const MAX_TEXT: usize = 200;

/// A row that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normalised {
    /// Key of the premise.
    pub premise_id: PremiseId,
    /// What was said of it.
    pub content: PremiseContent,
    /// PPB's `lastModified`, where it was said.
    pub last_modified: Option<SourceTime>,
}

/// Normalises a row; all that is wrong with it is reported at once.
pub fn normalise(row: &SourceRow<'_>) -> Result<Normalised, Vec<FieldError>> {
    let mut reader = Reader::default();
    let premise_id = reader.premise_id(&row.premiseid);
    let last_modified = reader.timestamp("lastModified", &row.last_modified);
    let mut content = PremiseContent {
        name: reader.name(&row.premisename),
        county: reader.county(&row.county),
        constituency: reader.text("constituency", &row.constituency),
        ward: reader.text("ward", &row.ward),
        business_type: reader.listed(
            "businesstype",
            &row.businesstype,
            vocabulary::BUSINESS_TYPES,
            Flag::BusinessTypeUnknown,
        ),
        ownership: reader.listed("ownership", &row.ownership, vocabulary::OWNERSHIPS, Flag::OwnershipUnknown),
        superintendent_registration_no: reader
            .text_or_number("superintendentregistrationno", &row.superintendentregistrationno),
        superintendent_name: reader.text("superintendentname", &row.superintendentname),
        superintendent_cadre: reader.listed(
            "superintendentcadre",
            &row.superintendentcadre,
            vocabulary::CADRES,
            Flag::CadreUnknown,
        ),
        license_validity: reader.date("licensevalidity", &row.licensevalidity),
        validity_year: reader.year("validityyear", &row.validityyear),
        flags: Vec::new(),
    };
    reader.compare_years(&content);
    match (premise_id, reader.errors.is_empty()) {
        (Some(premise_id), true) => {
            content.flags = reader.flags;
            Ok(Normalised { premise_id, content, last_modified })
        }
        _ => Err(reader.errors),
    }
}

/// Reads fields one after the other and collects what is odd and what is wrong.
#[derive(Default)]
struct Reader {
    flags: Vec<Flag>,
    errors: Vec<FieldError>,
}

impl Reader {
    fn refuse(&mut self, field: &str, message: &str) {
        self.errors.push(FieldError::new(field, message));
    }

    fn premise_id(&mut self, said: &Said<'_>) -> Option<PremiseId> {
        let id = match said {
            Said::Integer(number) => PremiseId::try_from(*number).ok(),
            Said::Text(text) if text.trim().bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        };
        if id.is_none() {
            self.refuse("premiseid", "must be a positive whole number such as 34014");
        }
        id
    }

    fn name(&mut self, said: &Said<'_>) -> Field<String> {
        let name = self.text("premisename", said);
        if name == Field::Null {
            self.refuse("premisename", "must not be empty");
        }
        name
    }

    fn text(&mut self, field: &str, said: &Said<'_>) -> Field<String> {
        match said {
            Said::Absent => Field::Absent,
            Said::Null => Field::Null,
            Said::Text(text) => self.collapsed(field, text),
            Said::Integer(_) => self.wrong_kind(field, "text", "a number"),
            Said::Other(kind) => self.wrong_kind(field, "text", kind),
        }
    }

    fn text_or_number(&mut self, field: &str, said: &Said<'_>) -> Field<String> {
        match said {
            Said::Integer(number) => Field::Value(number.to_string()),
            _ => self.text(field, said),
        }
    }

    fn wrong_kind<T>(&mut self, field: &str, expected: &str, kind: &str) -> Field<T> {
        self.refuse(field, &format!("must be {expected}, not {kind}"));
        Field::Absent
    }

    fn collapsed(&mut self, field: &str, text: &str) -> Field<String> {
        if text.len() > MAX_TEXT {
            self.refuse(field, "must be at most 200 bytes long");
            return Field::Absent;
        }
        if text.contains('\0') {
            self.refuse(field, "must not contain a NUL character");
            return Field::Absent;
        }
        let mut words = text.split_whitespace();
        let Some(first) = words.next() else { return Field::Null };
        let mut collapsed = String::with_capacity(text.len());
        collapsed.push_str(first);
        for word in words {
            collapsed.push(' ');
            collapsed.push_str(word);
        }
        Field::Value(collapsed)
    }

    fn county(&mut self, said: &Said<'_>) -> Field<String> {
        let text = self.text("county", said);
        let Field::Value(name) = &text else { return text };
        if let Some(official) = county::official_name(name) {
            return Field::Value(official.to_owned());
        }
        self.flags.push(Flag::CountyUnknown);
        text
    }

    fn listed(
        &mut self,
        field: &str,
        said: &Said<'_>,
        list: &[&'static str],
        unknown: Flag,
    ) -> Field<String> {
        let text = self.text(field, said);
        let Field::Value(word) = &text else { return text };
        Field::Value(vocabulary::listed(word, list).map_or_else(
            |upper| {
                self.flags.push(unknown);
                upper
            },
            str::to_owned,
        ))
    }

    fn date(&mut self, field: &str, said: &Said<'_>) -> Field<NaiveDate> {
        let text = match self.text(field, said) {
            Field::Value(text) => text,
            Field::Null => return Field::Null,
            Field::Absent => return Field::Absent,
        };
        if let Some(date) = date::iso(&text) {
            return Field::Value(date);
        }
        if let Some(date) = date::other(&text) {
            self.flags.push(Flag::DateReformatted);
            return Field::Value(date);
        }
        self.refuse(field, "must be a date that exists, written YYYY-MM-DD");
        Field::Absent
    }

    fn year(&mut self, field: &str, said: &Said<'_>) -> Field<i32> {
        let year = match said {
            Said::Absent => return Field::Absent,
            Said::Null => return Field::Null,
            Said::Integer(number) => i32::try_from(*number).ok(),
            Said::Text(text) if text.trim().is_empty() => return Field::Null,
            Said::Text(text) => text.trim().parse().ok(),
            Said::Other(_) => None,
        };
        match year {
            Some(year) if (1900..=9999).contains(&year) => Field::Value(year),
            _ => {
                self.refuse(field, "must be a year such as 2026");
                Field::Absent
            }
        }
    }

    fn timestamp(&mut self, field: &str, said: &Said<'_>) -> Option<SourceTime> {
        let time = match said {
            Said::Absent | Said::Null => return None,
            Said::Text(text) => source_time::parse(text).ok(),
            Said::Integer(_) | Said::Other(_) => None,
        };
        match time {
            Some(time) if time.naive => self.flags.push(Flag::NaiveTimestamp),
            Some(_) => {}
            None => self.refuse(field, "must be a timestamp such as 2025-12-11T09:15:00Z"),
        }
        time
    }

    fn compare_years(&mut self, content: &PremiseContent) {
        if let (Field::Value(date), Field::Value(year)) = (&content.license_validity, &content.validity_year)
            && date.year() != *year
        {
            self.flags.push(Flag::ValidityYearMismatch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalise_json(json: &str) -> Result<Normalised, Vec<FieldError>> {
        normalise(&serde_json::from_str(json).unwrap())
    }

    fn value(text: &str) -> Field<String> {
        Field::Value(text.to_owned())
    }

    const SEED: &str = r#"{"premiseid":34014,"premisename":"LIBWOB CHEMIST","county":"Uasin Gishu",
        "constituency":"TURBO","ward":"KAMAGUT","businesstype":"RETAIL","ownership":"SOLE PROPRIETOR",
        "superintendentregistrationno":11363,"superintendentname":"KIPLAGAT K AMON",
        "superintendentcadre":"PHARMTECH","licensevalidity":"2025-12-31","validityyear":2025}"#;

    #[test]
    fn takes_a_clean_row_without_a_flag() {
        let row = normalise_json(SEED).unwrap();
        assert_eq!(row.premise_id.get(), 34014);
        assert_eq!(row.content.name, value("LIBWOB CHEMIST"));
        assert_eq!(row.content.superintendent_registration_no, value("11363"));
        assert_eq!(
            row.content.license_validity,
            Field::Value(NaiveDate::from_ymd_opt(2025, 12, 31).unwrap())
        );
        assert_eq!(row.content.validity_year, Field::Value(2025));
        assert_eq!(row.content.flags, []);
    }

    #[test]
    fn collapses_spaces_and_reads_empty_as_null() {
        let row =
            normalise_json(r#"{"premiseid":"1","premisename":"  A \t B ","ward":" ","county":"MURANGA"}"#)
                .unwrap();
        assert_eq!(row.content.name, value("A B"));
        assert_eq!(row.content.ward, Field::Null);
        assert_eq!(row.content.county, value("Murang'a"));
        assert_eq!(row.content.constituency, Field::Absent);
    }

    #[test]
    fn keeps_and_flags_what_is_not_listed() {
        let row = normalise_json(
            r#"{"premiseid":1,"county":"Gotham","businesstype":"Circus","ownership":"King","superintendentcadre":"x"}"#,
        )
        .unwrap();
        assert_eq!(row.content.county, value("Gotham"));
        assert_eq!(row.content.business_type, value("CIRCUS"));
        assert_eq!(
            row.content.flags,
            [Flag::CountyUnknown, Flag::BusinessTypeUnknown, Flag::OwnershipUnknown, Flag::CadreUnknown]
        );
    }

    #[test]
    fn reads_and_flags_other_dates() {
        for text in ["31/12/2026", "2026-12-31T00:00:00+03:00"] {
            let row = normalise_json(&format!(r#"{{"premiseid":1,"licensevalidity":"{text}"}}"#)).unwrap();
            assert_eq!(
                row.content.license_validity,
                Field::Value(NaiveDate::from_ymd_opt(2026, 12, 31).unwrap())
            );
            assert_eq!(row.content.flags, [Flag::DateReformatted]);
        }
    }

    #[test]
    fn flags_a_year_that_contradicts_the_date() {
        let row = normalise_json(r#"{"premiseid":1,"licensevalidity":"2026-12-31","validityyear":"2025"}"#)
            .unwrap();
        assert_eq!(row.content.flags, [Flag::ValidityYearMismatch]);
    }

    #[test]
    fn names_every_field_that_is_wrong_and_no_value() {
        let errors = normalise_json(
            r#"{"premiseid":-1,"premisename":"","county":5,"ward":["x"],"licensevalidity":"2026-02-30",
                "validityyear":12,"superintendentname":{"n":"OTIENO"},"lastModified":"OTIENO"}"#,
        )
        .unwrap_err();
        let mut fields: Vec<_> = errors.iter().map(|e| e.field.as_str()).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "county",
                "lastModified",
                "licensevalidity",
                "premiseid",
                "premisename",
                "superintendentname",
                "validityyear",
                "ward"
            ]
        );
        assert!(!FieldError::join(&errors).contains("OTIENO"));
    }

    #[test]
    fn refuses_texts_that_no_index_could_hold() {
        for field in ["premisename", "county", "superintendentname"] {
            let row = |length: usize| {
                normalise_json(&format!(r#"{{"premiseid":1,"{field}":"{}"}}"#, "x".repeat(length)))
            };
            assert!(row(200).is_ok(), "{field}");
            assert_eq!(row(201).unwrap_err()[0].field, field);
        }
    }

    #[test]
    fn refuses_impossible_dates() {
        for text in
            ["2026-13-01", "2026-00-10", "2025-02-29", "31-12-2026", "0000-01-01", "2026-1-1", "32/1/2026"]
        {
            assert!(
                normalise_json(&format!(r#"{{"premiseid":1,"licensevalidity":"{text}"}}"#)).is_err(),
                "{text}"
            );
        }
    }
}
