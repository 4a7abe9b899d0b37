//! Message headers by name, over AMQP's field table.

use chrono::{DateTime, SecondsFormat, Utc};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};

/// Which attempt a delivery is; absent means the first.
pub(crate) const ATTEMPT: &str = "x-premise-attempt";
/// Why the last attempt did not succeed, or why the message was given up.
pub(crate) const REASON: &str = "x-premise-reason";
/// Explanation for people.
pub(crate) const DETAIL: &str = "x-premise-detail";
/// Attempts made, on a dead letter.
pub(crate) const ATTEMPTS: &str = "x-premise-attempts";
/// When the first attempt failed, RFC 3339.
pub(crate) const FIRST_FAILURE_AT: &str = "x-premise-first-failure-at";
/// W3C trace context.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// Written by the broker when it moves messages. Copied into a retry they would look to `RabbitMQ`
/// like a routing cycle, and it would drop the message.
const BROKER_OWNED: [&str; 4] = ["x-death", "x-first-death-", "x-last-death-", "x-delivery-count"];

pub(crate) fn set_text(table: &mut FieldTable, name: &str, value: &str) {
    table.insert(ShortString::from(name), AMQPValue::LongString(LongString::from(value)));
}

pub(crate) fn set_number(table: &mut FieldTable, name: &str, value: u32) {
    table.insert(ShortString::from(name), AMQPValue::LongLongInt(i64::from(value)));
}

pub(crate) fn set_instant(table: &mut FieldTable, name: &str, value: DateTime<Utc>) {
    set_text(table, name, &value.to_rfc3339_opts(SecondsFormat::Micros, true));
}

pub(crate) fn text<'a>(table: &'a FieldTable, name: &str) -> Option<&'a str> {
    as_text(table.inner().get(name)?)
}

pub(crate) fn as_text(value: &AMQPValue) -> Option<&str> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

pub(crate) fn number(table: &FieldTable, name: &str) -> Option<u32> {
    match *table.inner().get(name)? {
        AMQPValue::LongLongInt(n) => u32::try_from(n).ok(),
        AMQPValue::LongInt(n) => u32::try_from(n).ok(),
        AMQPValue::LongUInt(n) => Some(n),
        AMQPValue::ShortInt(n) => u32::try_from(n).ok(),
        AMQPValue::ShortUInt(n) => Some(u32::from(n)),
        AMQPValue::ShortShortUInt(n) => Some(u32::from(n)),
        _ => None,
    }
}

pub(crate) fn instant(table: &FieldTable, name: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text(table, name)?).ok().map(|at| at.to_utc())
}

/// The headers of `table` that a copy of its message keeps.
pub(crate) fn carried(table: &FieldTable) -> FieldTable {
    let kept = |name: &str| !BROKER_OWNED.iter().any(|owned| name.starts_with(owned));
    table
        .inner()
        .iter()
        .filter(|(name, _)| kept(name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<std::collections::BTreeMap<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_ours_and_drops_the_brokers() {
        let mut table = FieldTable::default();
        set_number(&mut table, ATTEMPT, 2);
        set_text(&mut table, "x-replay", "7");
        set_text(&mut table, "x-death", "");
        set_text(&mut table, "x-first-death-queue", "q");
        set_text(&mut table, "x-delivery-count", "3");
        let copy = carried(&table);
        assert_eq!(number(&copy, ATTEMPT), Some(2));
        assert_eq!(text(&copy, "x-replay"), Some("7"));
        assert_eq!(copy.inner().len(), 2);
    }

    #[test]
    fn nonsense_reads_as_absent() {
        let mut table = FieldTable::default();
        table.insert(ATTEMPT.into(), AMQPValue::LongLongInt(-1));
        set_text(&mut table, FIRST_FAILURE_AT, "yesterday");
        assert_eq!(number(&table, ATTEMPT), None);
        assert_eq!(instant(&table, FIRST_FAILURE_AT), None);
        assert_eq!(text(&table, ATTEMPT), None);
    }
}
