//! What `webhook-ingest` hands to `sync-worker`: PPB's exact bytes and what was known at receipt.
//!
//! The wire format is JSON with camelCase names; fields are only ever added.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A webhook request that was verified, as it travels through the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// Names this acceptance; a redelivery by the broker keeps it.
    pub delivery_id: Uuid,
    /// When the request was received, by the ingest's clock.
    pub received_at: DateTime<Utc>,
    /// Identity of the body, see [`crate::signature::idempotency_key`].
    pub idempotency_key: String,
    /// Id of the secret that verified it.
    pub key_id: String,
    /// Address of the sender, after trusted proxies.
    pub remote_addr: String,
    /// W3C trace context of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The exact bytes that were signed (JSON, hence UTF-8).
    pub body: String,
}
