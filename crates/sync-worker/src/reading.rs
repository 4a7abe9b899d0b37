//! From a delivery to something that can be applied, or to the reason why it never can.

use premise_broker::{Delivery, Verdict};
use premise_domain::webhook::{Action, WebhookEvent};
use premise_store::{WebhookItem, read_envelope};

/// What was read of a delivery.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) item: WebhookItem,
    pub(crate) oddities: Oddities,
}

/// What is counted of an event beside its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Oddities {
    /// It leaves fields out, which are completed from the register.
    pub(crate) partial: bool,
    /// How many of its timestamps have no zone.
    pub(crate) naive_timestamps: u64,
}

impl Oddities {
    fn of(event: &WebhookEvent) -> Self {
        // A deletion says no more than which premise.
        let partial = event.action != Action::Deleted && event.content != event.content.clone().complete();
        let naive = [event.timestamp, event.last_modified].into_iter().flatten().filter(|time| time.naive);
        Self { partial, naive_timestamps: naive.count() as u64 }
    }
}

/// Reads a delivery. What cannot be read now cannot be read later either: a poison message.
pub(crate) fn read(delivery: &Delivery) -> Result<Reading, Verdict> {
    let (item, oddities) = read_envelope(delivery.body(), Oddities::of)
        .map_err(|error| Verdict::DeadLetter { reason: error.reason, detail: error.detail })?;
    Ok(Reading { item, oddities })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use premise_domain::envelope::Envelope;
    use premise_domain::signature::idempotency_key;
    use uuid::Uuid;

    fn reason(body: Vec<u8>) -> &'static str {
        match read(&Delivery::fabricated(body, &[])) {
            Err(Verdict::DeadLetter { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    fn envelope(body: &str) -> Envelope {
        Envelope {
            delivery_id: Uuid::nil(),
            received_at: "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap(),
            idempotency_key: idempotency_key(body.as_bytes()),
            key_id: "current".into(),
            remote_addr: "127.0.0.1".into(),
            traceparent: None,
            body: body.into(),
        }
    }

    fn wrapped(body: &str) -> Vec<u8> {
        serde_json::to_vec(&envelope(body)).unwrap()
    }

    #[test]
    fn reads_a_delivery() {
        let body = r#"{"action":"deleted","timestamp":"2025-12-31T10:00:00Z","data":{"premiseid":1}}"#;
        let item = read(&Delivery::fabricated(wrapped(body), &[])).unwrap().item;
        assert_eq!(item.observation.premise_id.get(), 1);
        assert!(item.observation.content.is_none());
    }

    #[test]
    fn partial_events_and_timestamps_without_a_zone_are_told() {
        let oddities = |body: &str| {
            let read = read(&Delivery::fabricated(wrapped(body), &[])).unwrap().oddities;
            (read.partial, read.naive_timestamps)
        };
        let whole = r#"{"action":"updated","timestamp":"2025-12-31T10:00:00Z","data":{"premiseid":1,
            "premisename":"A","county":null,"constituency":null,"ward":null,"businesstype":null,"ownership":null,
            "superintendentregistrationno":null,"superintendentname":null,"superintendentcadre":null,
            "licensevalidity":null,"validityyear":2026}}"#;
        assert_eq!(oddities(whole), (false, 0));
        assert_eq!(oddities(&whole.replace(r#""ward":null,"#, "")), (true, 0));
        let naive = r#"{"action":"updated","timestamp":"2025-12-31T10:00:00","data":{"premiseid":1,"ward":"X",
            "lastModified":"2025-12-31 09:00:00"}}"#;
        assert_eq!(oddities(naive), (true, 2));
        let deleted = r#"{"action":"deleted","timestamp":"2025-12-31T10:00:00","data":{"premiseid":1}}"#;
        assert_eq!(oddities(deleted), (false, 1));
    }

    #[test]
    fn every_poison_has_its_reason() {
        assert_eq!(reason(b"nonsense".to_vec()), "malformed_envelope");
        assert_eq!(reason(wrapped("{")), "malformed");
        assert_eq!(reason(wrapped("{}")), "invalid");
        let future = r#"{"action":"deleted","timestamp":"2026-01-01T01:00:00Z","data":{"premiseid":1}}"#;
        assert_eq!(reason(wrapped(future)), "future_timestamp");
        let odd = Envelope { idempotency_key: "é".repeat(32), ..envelope("{}") };
        assert_eq!(reason(serde_json::to_vec(&odd).unwrap()), "malformed_envelope");
    }
}
