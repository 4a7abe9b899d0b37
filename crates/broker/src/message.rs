//! A message to publish.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::FieldTable;
use uuid::Uuid;

use crate::dead_letter::DeadLetter;
use crate::headers;
use crate::queues::{Wait, WorkQueue};

/// AMQP's number for messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub(crate) exchange: ExchangeName,
    pub(crate) key: Cow<'static, str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExchangeName {
    Inbound,
    Changes,
}

impl Route {
    /// To a queue that a service consumes. Unroutable is a failure.
    pub fn to(queue: WorkQueue) -> Self {
        Self { exchange: ExchangeName::Inbound, key: Cow::Borrowed(queue.name()) }
    }

    /// To whoever subscribed to changes with this routing key, for instance `premise.updated`.
    /// Having no subscriber is no failure.
    pub fn change(key: impl Into<Cow<'static, str>>) -> Self {
        Self { exchange: ExchangeName::Changes, key: key.into() }
    }

    pub(crate) fn wait(wait: &'static Wait) -> Self {
        Self { exchange: ExchangeName::Inbound, key: Cow::Borrowed(wait.queue) }
    }

    pub(crate) fn mandatory(&self) -> bool {
        self.exchange == ExchangeName::Inbound
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)
    }
}

/// A persistent message on its way to the broker. `Debug` leaves the body out.
#[derive(Clone)]
pub struct Outgoing {
    pub(crate) route: Route,
    pub(crate) message_id: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) content_type: &'static str,
    pub(crate) headers: FieldTable,
    pub(crate) expiration: Option<Duration>,
}

impl Outgoing {
    /// A JSON message; published with a fresh message id unless it is given one.
    pub fn json(route: Route, body: impl Into<Bytes>) -> Self {
        Self {
            route,
            message_id: None,
            body: body.into(),
            content_type: "application/json",
            headers: FieldTable::default(),
            expiration: None,
        }
    }

    /// With a message id of the caller's. It must be unique among messages in flight, because a
    /// returned message is recognised by it.
    #[must_use]
    pub fn with_message_id(mut self, id: impl Into<String>) -> Self {
        self.message_id = Some(id.into());
        self
    }

    /// With a content type other than `application/json`.
    #[must_use]
    pub fn with_content_type(mut self, content_type: &'static str) -> Self {
        self.content_type = content_type;
        self
    }

    /// With a text header. Retries and dead letters of the message keep it.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        headers::set_text(&mut self.headers, name, value);
        self
    }

    /// With the W3C trace context, if there is one.
    #[must_use]
    pub fn with_traceparent(self, traceparent: Option<&str>) -> Self {
        match traceparent {
            Some(value) => self.with_header(headers::TRACEPARENT, value),
            None => self,
        }
    }

    /// As a dead letter with its reason. The route should be a queue of dead letters.
    #[must_use]
    pub fn with_dead_letter(mut self, letter: &DeadLetter) -> Self {
        letter.write(&mut self.headers);
        self
    }

    /// Its properties, and the message id among them.
    pub(crate) fn properties(&mut self) -> (BasicProperties, String) {
        let message_id = self.message_id.take().unwrap_or_else(|| Uuid::new_v4().to_string());
        let mut properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type(self.content_type.into())
            .with_message_id(message_id.as_str().into());
        if !self.headers.inner().is_empty() {
            properties = properties.with_headers(std::mem::take(&mut self.headers));
        }
        let properties = match self.expiration {
            Some(wait) => properties.with_expiration(wait.as_millis().to_string().into()),
            None => properties,
        };
        (properties, message_id)
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("route", &self.route)
            .field("message_id", &self.message_id)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_leaves_the_body_out() {
        let message = Outgoing::json(Route::to(WorkQueue::Webhooks), "{\"name\":\"KIPLAGAT\"}");
        let text = format!("{message:?}");
        assert!(!text.contains("KIPLAGAT") && text.contains("premise.webhooks.v1"), "{text}");
    }

    #[test]
    fn only_changes_may_have_no_taker() {
        assert!(Route::to(WorkQueue::SyncRuns).mandatory());
        assert!(!Route::change("premise.updated").mandatory());
    }
}
