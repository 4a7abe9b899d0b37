//! One premise exactly as PPB's JSON has it, before any judgement.
//!
//! A catalogue row and the `data` of a webhook have the same fields. What was absent, what was
//! null and what had an odd type stay distinguishable: absent keeps a value, null clears it.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// What PPB's JSON has in one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Said<'a> {
    /// The field is not there.
    #[default]
    Absent,
    /// The field is `null`.
    Null,
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// Something no field of ours can be; carries the kind for the error message.
    Other(&'static str),
}

/// The fields of a premise in PPB's spelling. Unknown fields are passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "PPB's own names; their meaning is told where they are normalised")]
pub struct SourceRow<'a> {
    #[serde(borrow)]
    pub premiseid: Said<'a>,
    #[serde(borrow)]
    pub premisename: Said<'a>,
    #[serde(borrow)]
    pub county: Said<'a>,
    #[serde(borrow)]
    pub constituency: Said<'a>,
    #[serde(borrow)]
    pub ward: Said<'a>,
    #[serde(borrow)]
    pub businesstype: Said<'a>,
    #[serde(borrow)]
    pub ownership: Said<'a>,
    #[serde(borrow)]
    pub superintendentregistrationno: Said<'a>,
    #[serde(borrow)]
    pub superintendentname: Said<'a>,
    #[serde(borrow)]
    pub superintendentcadre: Said<'a>,
    #[serde(borrow)]
    pub licensevalidity: Said<'a>,
    #[serde(borrow)]
    pub validityyear: Said<'a>,
    #[serde(borrow, rename = "lastModified")]
    pub last_modified: Said<'a>,
}

impl<'a> SourceRow<'a> {
    /// Reads a JSON object; `None` when it is anything else or gives a field twice. (serde alone
    /// would also take a list of the fields' values.)
    pub fn parse(json: &'a str) -> Option<Self> {
        if json.trim_start().starts_with('{') { serde_json::from_str(json).ok() } else { None }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Said<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SaidVisitor)
    }
}

struct SaidVisitor;

impl<'de> Visitor<'de> for SaidVisitor {
    type Value = Said<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Said::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Said::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Said::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or(Said::Other("too large a number"), Said::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Said::Other("a fraction"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Said::Other("true or false"))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Said::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Said::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Said::Other("an object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_apart_absent_null_and_odd() {
        let row = SourceRow::parse(
            r#"{"premiseid":34014,"premisename":"A \"B\"","county":null,"ward":[1,{"x":2}],
                "ownership":{"a":[]},"businesstype":1.5,"validityyear":18446744073709551615,"new":true}"#,
        )
        .unwrap();
        assert_eq!(row.premiseid, Said::Integer(34014));
        assert_eq!(row.premisename, Said::Text("A \"B\"".into()));
        assert_eq!(row.county, Said::Null);
        assert_eq!(row.constituency, Said::Absent);
        assert_eq!(row.ward, Said::Other("a list"));
        assert_eq!(row.ownership, Said::Other("an object"));
        assert_eq!(row.businesstype, Said::Other("a fraction"));
        assert_eq!(row.validityyear, Said::Other("too large a number"));
    }
}
