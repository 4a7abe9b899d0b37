//! A change as PPB would tell it: the body of a webhook, and of an entry of the change feed.

use bytes::Bytes;
use premise_domain::webhook::Action;
use uuid::Uuid;

use crate::{
    premise::Premise,
    row::{self, Instants, RowShape},
};

/// One change, written out.
#[derive(Debug, Clone)]
pub struct Event {
    /// Ascending from 1 since the start or the last reset.
    pub sequence: u64,
    /// The premise.
    pub premise_id: u64,
    /// What happened to it.
    pub action: Action,
    /// Never the same twice, also across resets.
    pub webhook_id: Uuid,
    /// The JSON body.
    pub body: Bytes,
}

/// What is told of a change.
#[derive(Debug)]
pub struct Telling<'a> {
    /// Ascending number of the change.
    pub sequence: u64,
    /// What happened.
    pub action: Action,
    /// When, by PPB's clock, in microseconds since 1970.
    pub at: i64,
    /// The premise after it; before it when it was removed.
    pub premise: &'a Premise<'a>,
    /// How instants are written.
    pub instants: Instants,
    /// Tell `lastModified` too.
    pub last_modified: bool,
    /// Seed of the decisions which instants are spoiled.
    pub seed: u64,
}

impl Telling<'_> {
    /// Writes it out: `{"action","timestamp","webhookId","data":{…}}`.
    pub fn event(self, webhook_id: Uuid) -> Event {
        let mut body = Vec::with_capacity(640);
        body.extend_from_slice(b"{\"action\":\"");
        body.extend_from_slice(self.action.as_str().as_bytes());
        body.extend_from_slice(b"\",\"timestamp\":");
        self.instants.push(&mut body, self.at, self.seed, self.premise.id);
        body.extend_from_slice(b",\"webhookId\":\"");
        body.extend_from_slice(webhook_id.to_string().as_bytes());
        body.extend_from_slice(b"\",\"data\":");
        let last_modified = self.last_modified.then_some(self.instants);
        row::write(&mut body, self.premise, &RowShape { last_modified, faults: Vec::new(), seed: self.seed });
        body.push(b'}');
        Event {
            sequence: self.sequence,
            premise_id: self.premise.id,
            action: self.action,
            webhook_id,
            body: body.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::generator::Generator;

    fn told(last_modified: bool) -> Value {
        let generator = Generator::new(1, 1, 2026);
        let telling = Telling {
            sequence: 1,
            action: Action::Updated,
            at: 1_765_449_000_000_000,
            premise: &generator.premise(0),
            instants: Instants::default(),
            last_modified,
            seed: 1,
        };
        serde_json::from_slice(&telling.event(Uuid::nil()).body).unwrap()
    }

    #[test]
    fn the_body_is_the_documented_one() {
        let body = told(false);
        assert_eq!(body["action"], "updated");
        assert_eq!(body["timestamp"], "2025-12-11T10:30:00Z");
        assert_eq!(body["webhookId"], Uuid::nil().to_string());
        assert_eq!(body["data"]["premiseid"], 34_014);
        assert_eq!(body["data"].as_object().unwrap().len(), 12);
        assert_eq!(told(true)["data"]["lastModified"], "2025-12-11T09:15:00Z");
    }

    #[test]
    fn the_receiver_s_parser_takes_it() {
        let body = told(true).to_string();
        premise_domain::webhook::WebhookEvent::parse(&body).unwrap();
    }
}
