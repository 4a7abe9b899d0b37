//! From the message of the queue, or the text of a dead letter, to something that can be applied, or
//! to the reason why it never can. One reading for both, so that a replay judges as the worker does.

use premise_domain::{
    envelope::Envelope,
    observation::Observation,
    webhook::{InvalidWebhook, WebhookEvent},
};

use super::WebhookItem;

/// What cannot be read now and cannot be read later either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Unreadable {
    /// Stable code.
    pub reason: &'static str,
    /// Explanation for people; repeats no value of the body.
    pub detail: String,
}

/// Reads an envelope; `look` may take from the event what the item does not keep.
pub fn read_envelope<T>(
    message: &[u8],
    look: impl FnOnce(&WebhookEvent) -> T,
) -> Result<(WebhookItem, T), Unreadable> {
    let envelope: Envelope = serde_json::from_slice(message)
        .map_err(|error| unreadable("malformed_envelope", format!("the message is no envelope: {error}")))?;
    let mut idempotency_key = [0; 32];
    hex_decode(&envelope.idempotency_key, &mut idempotency_key).ok_or_else(|| {
        unreadable("malformed_envelope", "the idempotency key is no SHA-256 in hex".to_owned())
    })?;
    let event = WebhookEvent::parse(&envelope.body).map_err(|error| match &error {
        InvalidWebhook::Malformed(_) => unreadable("malformed", error.to_string()),
        InvalidWebhook::Invalid(_) => unreadable("invalid", error.to_string()),
    })?;
    let seen = look(&event);
    let (action, webhook_id) = (event.action, event.webhook_id.clone());
    let observation = Observation::of_event(event, envelope.received_at, envelope.delivery_id)
        .map_err(|error| unreadable("future_timestamp", error.to_string()))?;
    let item = WebhookItem {
        observation,
        idempotency_key,
        delivery_id: envelope.delivery_id,
        webhook_id,
        action,
        received_at: envelope.received_at,
    };
    Ok((item, seen))
}

fn unreadable(reason: &'static str, detail: String) -> Unreadable {
    Unreadable { reason, detail }
}

fn hex_decode(text: &str, into: &mut [u8; 32]) -> Option<()> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in into.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(())
}
