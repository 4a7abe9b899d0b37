//! What a dead letter says about its end: written by the ladder, read by the archiver.

use chrono::{DateTime, Utc};
use lapin::types::{AMQPValue, FieldTable};

use crate::delivery::Delivery;
use crate::headers;

/// Reason of a message whose last attempt asked for another retry.
pub const ATTEMPTS_EXHAUSTED: &str = "attempts_exhausted";

/// Reason of a message that killed its consumer again and again, so that the broker moved it.
const DELIVERY_LIMIT: &str = "delivery_limit";

/// Longest detail kept, in bytes: headers must fit into one AMQP frame.
const MAX_DETAIL_BYTES: usize = 8 * 1024;

/// Why and when a message was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Stable code, such as `attempts_exhausted` or a poison message's reason.
    pub reason: String,
    /// Explanation for people; field errors for instance.
    pub detail: String,
    /// Attempts made.
    pub attempts: u32,
    /// When the first attempt failed.
    pub first_failure_at: Option<DateTime<Utc>>,
}

impl DeadLetter {
    /// Reads what the headers of a dead letter say. Letters moved by the broker itself carry only
    /// its own record.
    pub fn read(delivery: &Delivery) -> Self {
        let own = |name| delivery.header(name).map(ToOwned::to_owned);
        Self {
            reason: own(headers::REASON)
                .or_else(|| delivery.table().and_then(broker_reason))
                .unwrap_or_else(|| "unknown".to_owned()),
            detail: own(headers::DETAIL).unwrap_or_default(),
            attempts: delivery
                .table()
                .and_then(|table| headers::number(table, headers::ATTEMPTS))
                .unwrap_or_else(|| delivery.attempt()),
            first_failure_at: delivery.first_failure_at(),
        }
    }

    /// Adds this to the headers of a message. The counterpart of [`Self::read`].
    pub(crate) fn write(&self, table: &mut FieldTable) {
        headers::set_text(table, headers::REASON, &self.reason);
        headers::set_text(table, headers::DETAIL, truncated(&self.detail, MAX_DETAIL_BYTES));
        headers::set_number(table, headers::ATTEMPTS, self.attempts);
        if let Some(at) = self.first_failure_at {
            headers::set_instant(table, headers::FIRST_FAILURE_AT, at);
        }
    }
}

fn broker_reason(table: &FieldTable) -> Option<String> {
    let AMQPValue::FieldArray(deaths) = table.inner().get("x-death")? else { return None };
    let AMQPValue::FieldTable(last) = deaths.as_slice().first()? else { return None };
    match headers::text(last, "reason")? {
        "delivery_limit" => Some(DELIVERY_LIMIT.to_owned()),
        other => Some(format!("broker_{other}")),
    }
}

pub(crate) fn truncated(text: &str, longest: usize) -> &str {
    let mut end = longest.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(table: FieldTable) -> Delivery {
        let mut delivery = Delivery::fabricated("{}", &[]);
        delivery.inner.properties = std::mem::take(&mut delivery.inner.properties).with_headers(table);
        delivery
    }

    #[test]
    fn reads_what_it_wrote() {
        let letter = DeadLetter {
            reason: "invalid".into(),
            detail: "data.premiseid: must be positive".into(),
            attempts: 2,
            first_failure_at: DateTime::from_timestamp(1_750_000_000, 123_456_000),
        };
        let mut table = FieldTable::default();
        letter.write(&mut table);
        assert_eq!(DeadLetter::read(&delivery(table)), letter);
    }

    #[test]
    fn reads_the_brokers_record() {
        let mut death = FieldTable::default();
        headers::set_text(&mut death, "reason", "delivery_limit");
        let mut table = FieldTable::default();
        table.insert("x-death".into(), AMQPValue::FieldArray(vec![AMQPValue::FieldTable(death)].into()));
        assert_eq!(DeadLetter::read(&delivery(table)).reason, "delivery_limit");
        assert_eq!(DeadLetter::read(&Delivery::fabricated("", &[])).reason, "unknown");
    }

    #[test]
    fn a_long_detail_is_cut_between_characters() {
        let detail = "é".repeat(MAX_DETAIL_BYTES);
        let letter = DeadLetter { reason: "r".into(), detail, attempts: 1, first_failure_at: None };
        let mut table = FieldTable::default();
        letter.write(&mut table);
        assert_eq!(DeadLetter::read(&delivery(table)).detail.len(), MAX_DETAIL_BYTES);
    }
}
