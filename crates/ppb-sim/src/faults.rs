//! The faults that are switched on. Each can be limited to so many answers and then goes away by
//! itself, so a test can say "five 503s, then recovery" and need not watch.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    fault_params::{
        ClockSkew, CutBody, DuplicateKeys, FutureTimestamps, HtmlErrorPage, MissingEmbedded, NaiveTimestamps,
        Nulls, Params, RenamedField, RetypedField, ServerErrors, SlowBody, SlowStart, Stale, StalledBody,
        TooManyRequests, Truncate, UnauthorizedMidRun, WrongContentLength,
    },
    merge::merge,
    row::{FieldFault, Instants, Twist},
    timestamp::Style,
};

/// A fault with its parameters and the answers it still applies to.
#[derive(Debug, Clone, PartialEq)]
pub struct Armed<P> {
    params: P,
    left: Option<u32>,
}

type Slot<P> = Option<Armed<P>>;

macro_rules! faults {
    ($($field:ident: $params:ident,)*) => {
        /// Every fault, by its public name in kebab-case.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        #[expect(missing_docs, reason = "told where the parameters are")]
        pub struct Faults {
            $(#[serde(default, skip_serializing_if = "Option::is_none")] pub $field: Slot<$params>,)*
        }
    };
}

faults! {
    unauthorized_mid_run: UnauthorizedMidRun,
    too_many_requests: TooManyRequests,
    server_errors: ServerErrors,
    html_error_page: HtmlErrorPage,
    missing_embedded: MissingEmbedded,
    slow_start: SlowStart,
    slow_body: SlowBody,
    stalled_body: StalledBody,
    cut_body: CutBody,
    wrong_content_length: WrongContentLength,
    truncate: Truncate,
    stale: Stale,
    duplicate_keys: DuplicateKeys,
    renamed_field: RenamedField,
    retyped_field: RetypedField,
    nulls: Nulls,
    naive_timestamps: NaiveTimestamps,
    future_timestamps: FutureTimestamps,
    clock_skew: ClockSkew,
}

/// Takes the fault for one answer.
pub fn take<P: Clone>(slot: &mut Slot<P>) -> Option<P> {
    let armed = slot.as_mut()?;
    let params = armed.params.clone();
    if let Some(left) = &mut armed.left {
        *left -= 1;
        if *left == 0 {
            *slot = None;
        }
    }
    Some(params)
}

impl Faults {
    /// These with the named ones set (or, by null, cleared).
    pub fn changed_by(&self, patch: &[u8]) -> Result<Self, String> {
        merge(self, patch, 1)
    }

    /// How PPB's clock is off, in seconds.
    pub fn clock_skew_seconds(&self) -> i64 {
        self.clock_skew.as_ref().map_or(0, |armed| i64::from(armed.params.seconds))
    }

    /// How instants are written now. Takes nothing: webhooks and answers share these faults.
    pub fn instants(&self) -> Instants {
        let moved = self
            .future_timestamps
            .as_ref()
            .and_then(|armed| Instants::moved_by(i64::from(armed.params.seconds), armed.params.fraction));
        Instants { style: Style { naive: self.naive_timestamps.is_some() }, moved }
    }

    /// Takes the faults of single fields for one answer.
    pub fn take_field_faults(&mut self) -> Vec<FieldFault> {
        let nulls = take(&mut self.nulls).map(|p| (p.field, p.fraction, Twist::Null));
        let renamed = take(&mut self.renamed_field).map(|p| (p.field, p.fraction, Twist::Renamed(p.to)));
        let retyped = take(&mut self.retyped_field).map(|p| (p.field, p.fraction, Twist::Retyped));
        [nulls, renamed, retyped]
            .into_iter()
            .flatten()
            .map(|(field, fraction, twist)| FieldFault { field, fraction, twist })
            .collect()
    }
}

impl<P: Serialize + Params> Serialize for Armed<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = serde_json::to_value(&self.params).map_err(serde::ser::Error::custom)?;
        if let (Value::Object(members), Some(left)) = (&mut value, self.left) {
            members.insert(P::LIMIT.to_owned(), left.into());
        }
        value.serialize(serializer)
    }
}

impl<'de, P: DeserializeOwned + Params> Deserialize<'de> for Armed<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Map::deserialize(deserializer)?;
        let left = match members.remove(P::LIMIT) {
            None => P::DEFAULT_LIMIT,
            Some(limit) => {
                Some(limit.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0).ok_or_else(
                    || de::Error::custom(format_args!("{} is a number of answers, at least 1", P::LIMIT)),
                )?)
            }
        };
        let params: P = serde_json::from_value(Value::Object(members))
            .map_err(|error| de::Error::custom(format_args!("{error} (or {})", P::LIMIT)))?;
        params.check().map_err(de::Error::custom)?;
        Ok(Self { params, left })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::premise::Field;

    fn faults(patch: &Value) -> Result<Faults, String> {
        Faults::default().changed_by(patch.to_string().as_bytes())
    }

    #[test]
    fn a_limited_fault_goes_away_and_an_unlimited_one_stays() {
        let mut set = faults(&json!({"server-errors": {"count": 2}, "stale": {"seconds": 5}})).unwrap();
        assert_eq!(take(&mut set.server_errors).unwrap().status, 503);
        assert_eq!(serde_json::to_value(&set).unwrap()["server-errors"]["count"], 1);
        assert!(take(&mut set.server_errors).is_some());
        assert!(take(&mut set.server_errors).is_none());
        for _ in 0..9 {
            assert_eq!(take(&mut set.stale).unwrap().seconds, 5);
        }
    }

    #[test]
    fn a_401_comes_once_unless_told_otherwise() {
        let mut set = faults(&json!({"unauthorized-mid-run": {}})).unwrap();
        assert!(take(&mut set.unauthorized_mid_run).is_some());
        assert!(set.unauthorized_mid_run.is_none());
    }

    #[test]
    fn naming_a_fault_replaces_it_and_leaves_the_others() {
        let set =
            faults(&json!({"nulls": {"field": "ward", "fraction": 0.5}, "truncate": {"limit": 9}})).unwrap();
        let set = set.changed_by(br#"{"nulls": {"field": "county"}, "truncate": null}"#).unwrap();
        let nulls = set.nulls.unwrap().params;
        assert_eq!((nulls.field, nulls.fraction), (Field::County, 1.0));
        assert!(set.truncate.is_none());
    }

    #[test]
    fn unknown_names_and_bad_values_are_told() {
        let error = |patch| faults(&patch).unwrap_err();
        let unknown = error(json!({"server-error": {}}));
        assert!(unknown.contains("unknown field `server-error`"), "{unknown}");
        assert!(unknown.contains("`unauthorized-mid-run`") && unknown.contains("`clock-skew`"), "{unknown}");
        assert!(error(json!({"server-errors": {"status": 404}})).contains("500 to 599"));
        assert!(error(json!({"server-errors": {"counts": 4}})).contains("or count"));
        assert!(error(json!({"server-errors": {"count": 0}})).contains("at least 1"));
        assert!(error(json!({"cut-body": {"at": 60}})).contains("from 0 to 1"));
        assert!(error(json!({"nulls": {"field": "wards"}})).contains("`constituency`"));
        assert!(error(json!({"slow-body": {"bytesPerSecond": 0}})).contains("at least 1"));
    }

    #[test]
    fn every_fault_takes_its_defaults_and_survives_a_round_trip() {
        let all = json!({
            "unauthorized-mid-run": {}, "too-many-requests": {"count": 3, "retryAfter": 2},
            "server-errors": {"count": 5, "status": 502, "retryAfter": 1}, "html-error-page": {},
            "missing-embedded": {}, "slow-start": {"milliseconds": 10}, "slow-body": {"bytesPerSecond": 9},
            "stalled-body": {"seconds": 1}, "cut-body": {"at": 0.6}, "wrong-content-length": {},
            "truncate": {"limit": 5}, "stale": {"seconds": 1}, "duplicate-keys": {"count": 2, "answers": 1},
            "renamed-field": {}, "retyped-field": {}, "nulls": {"field": "ward"}, "naive-timestamps": {},
            "future-timestamps": {}, "clock-skew": {"seconds": -60}
        });
        let set = faults(&all).unwrap();
        let shown = serde_json::to_value(&set).unwrap();
        assert_eq!(shown.as_object().unwrap().len(), all.as_object().unwrap().len());
        assert_eq!(serde_json::from_value::<Faults>(shown).unwrap(), set);
        assert_eq!(set.clock_skew_seconds(), -60);
        assert!(set.instants().style.naive);
    }

    #[test]
    fn field_faults_are_taken_together() {
        let mut set = faults(&json!({"renamed-field": {"answers": 1}, "nulls": {"field": "ward"}})).unwrap();
        assert_eq!(set.take_field_faults().len(), 2);
        assert_eq!(set.take_field_faults().len(), 1);
    }
}
