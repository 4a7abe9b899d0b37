//! A message received from a queue.

use std::fmt;

use chrono::{DateTime, Utc};
use lapin::types::FieldTable;

use crate::headers;

/// A message as a handler sees it. It cannot be acknowledged from outside this crate.
pub struct Delivery {
    pub(crate) inner: lapin::message::Delivery,
}

impl Delivery {
    pub(crate) fn new(inner: lapin::message::Delivery) -> Self {
        Self { inner }
    }

    /// A delivery that came from no broker, for tests of handlers.
    pub fn fabricated(body: impl Into<Vec<u8>>, headers: &[(&str, &str)]) -> Self {
        let mut inner = lapin::message::Delivery::mock(1, "".into(), "".into(), false, body.into());
        let mut table = FieldTable::default();
        for (name, value) in headers {
            headers::set_text(&mut table, name, value);
        }
        inner.properties = inner.properties.with_headers(table);
        Self { inner }
    }

    /// The body's bytes.
    pub fn body(&self) -> &[u8] {
        &self.inner.data
    }

    /// Which attempt this is, from 1. Counts handlings that asked for a retry; redeliveries after a
    /// lost connection or a killed process, and pauses, spend none.
    pub fn attempt(&self) -> u32 {
        self.table().and_then(|table| headers::number(table, headers::ATTEMPT)).unwrap_or(1).max(1)
    }

    /// Whether the broker delivered this message before and got no acknowledgement.
    pub fn redelivered(&self) -> bool {
        self.inner.redelivered
    }

    /// The publisher's message id; kept by retries and dead letters.
    pub fn message_id(&self) -> Option<&str> {
        self.inner.properties.message_id().as_ref().map(lapin::types::ShortString::as_str)
    }

    /// A text header.
    pub fn header(&self, name: &str) -> Option<&str> {
        headers::text(self.table()?, name)
    }

    /// The W3C trace context.
    pub fn traceparent(&self) -> Option<&str> {
        self.header(headers::TRACEPARENT)
    }

    /// When the first attempt failed, if one did.
    pub fn first_failure_at(&self) -> Option<DateTime<Utc>> {
        headers::instant(self.table()?, headers::FIRST_FAILURE_AT)
    }

    pub(crate) fn table(&self) -> Option<&FieldTable> {
        self.inner.properties.headers().as_ref()
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("message_id", &self.message_id())
            .field("attempt", &self.attempt())
            .field("redelivered", &self.redelivered())
            .field("body_bytes", &self.body().len())
            .finish_non_exhaustive()
    }
}
