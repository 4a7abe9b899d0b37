//! The body of a webhook: what PPB tells us of one premise.
//!
//! `{"action": "created"|"updated"|"deleted", "timestamp"?, "webhookId"?, "data": {…}}`; a body
//! `signature` is passed over, it proves nothing. See the receiver's contract in `docs/`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    FieldError, PremiseId,
    normalise::normalise,
    premise::{Field, PremiseContent},
    source_row::{Said, SourceRow},
    source_time::{self, SourceTime},
};

/// Longest `webhookId` taken, in bytes.
const MAX_WEBHOOK_ID: usize = 200;

/// What happened to the premise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It was registered.
    Created,
    /// It was changed.
    Updated,
    /// It was deregistered or closed.
    Deleted,
}

impl Action {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Created, Self::Updated, Self::Deleted].into_iter().find(|a| a.as_str() == text).ok_or(())
    }
}

/// A valid event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// What happened.
    pub action: Action,
    /// To which premise.
    pub premise_id: PremiseId,
    /// When PPB said it, where it says so.
    pub timestamp: Option<SourceTime>,
    /// PPB's id of the webhook.
    pub webhook_id: Option<String>,
    /// What it says of the premise; empty for a deletion.
    pub content: PremiseContent,
    /// When the premise was last modified, where it says so.
    pub last_modified: Option<SourceTime>,
    /// The `data` object as it came, for audit.
    pub raw_data: String,
}

/// Why a body is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebhook {
    /// Not JSON.
    #[error("the body is not JSON: {0}")]
    Malformed(String),
    /// JSON, but no event of ours.
    #[error("the body is no valid event: {}", FieldError::join(.0))]
    Invalid(Vec<FieldError>),
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    action: Said<'a>,
    #[serde(borrow, default)]
    timestamp: Said<'a>,
    #[serde(borrow, default, rename = "webhookId")]
    webhook_id: Said<'a>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl WebhookEvent {
    /// Reads a body. Errors tell every field that is wrong and repeat no value.
    pub fn parse(body: &str) -> Result<Self, InvalidWebhook> {
        let parts: Body<'_> = serde_json::from_str(body).map_err(|error| refuse(body, &error))?;
        if !body.trim_start().starts_with('{') {
            return Err(not_an_event()); // serde alone would take a list of the fields' values
        }
        let mut errors = Vec::new();
        let action = read_action(&parts.action, &mut errors);
        let timestamp = read_timestamp(&parts.timestamp, &mut errors);
        let webhook_id = read_webhook_id(&parts.webhook_id, &mut errors);
        let normalised = read_data(parts.data).map_err(|mut found| errors.append(&mut found)).ok();
        let (Some(action), Some(normalised), true) = (action, normalised, errors.is_empty()) else {
            return Err(InvalidWebhook::Invalid(errors));
        };
        if action == Action::Created && normalised.content.name == Field::Absent {
            return Err(InvalidWebhook::Invalid(vec![FieldError::new(
                "data.premisename",
                "is required when a premise is created",
            )]));
        }
        Ok(Self {
            action,
            premise_id: normalised.premise_id,
            timestamp,
            webhook_id,
            content: if action == Action::Deleted { PremiseContent::default() } else { normalised.content },
            last_modified: normalised.last_modified,
            raw_data: parts.data.map(|data| data.get().to_owned()).unwrap_or_default(),
        })
    }
}

/// serde's text is kept only for broken syntax, where it tells a position and no value.
fn refuse(body: &str, error: &serde_json::Error) -> InvalidWebhook {
    if serde_json::from_str::<serde::de::IgnoredAny>(body).is_err() {
        return InvalidWebhook::Malformed(error.to_string());
    }
    not_an_event()
}

fn not_an_event() -> InvalidWebhook {
    InvalidWebhook::Invalid(vec![FieldError::new(
        "body",
        "must be one JSON object with the fields action and data, each given once",
    )])
}

fn read_action(said: &Said<'_>, errors: &mut Vec<FieldError>) -> Option<Action> {
    let action = match said {
        Said::Text(text) => text.parse().ok(),
        _ => None,
    };
    if action.is_none() {
        errors.push(FieldError::new("action", "must be created, updated or deleted"));
    }
    action
}

fn read_timestamp(said: &Said<'_>, errors: &mut Vec<FieldError>) -> Option<SourceTime> {
    let time = match said {
        Said::Absent | Said::Null => return None,
        Said::Text(text) => source_time::parse(text).ok(),
        Said::Integer(_) | Said::Other(_) => None,
    };
    if time.is_none() {
        errors.push(FieldError::new("timestamp", "must be a timestamp such as 2025-12-11T10:30:00Z"));
    }
    time
}

fn read_webhook_id(said: &Said<'_>, errors: &mut Vec<FieldError>) -> Option<String> {
    match said {
        Said::Absent | Said::Null => None,
        Said::Integer(number) => Some(number.to_string()),
        Said::Text(text) if text.len() <= MAX_WEBHOOK_ID && !text.contains('\0') => Some(text.to_string()),
        Said::Text(_) | Said::Other(_) => {
            errors.push(FieldError::new("webhookId", "must be a text of at most 200 bytes"));
            None
        }
    }
}

fn read_data(data: Option<&RawValue>) -> Result<crate::normalise::Normalised, Vec<FieldError>> {
    let must_be_object =
        || vec![FieldError::new("data", "must be an object with the premise's fields, each given once")];
    let data = data.ok_or_else(must_be_object)?.get();
    let row = SourceRow::parse(data).ok_or_else(must_be_object)?;
    normalise(&row).map_err(|errors| {
        errors.into_iter().map(|e| FieldError::new(format!("data.{}", e.field), e.message)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Vec<String> {
        match WebhookEvent::parse(body) {
            Err(InvalidWebhook::Invalid(errors)) => errors.into_iter().map(|e| e.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_the_documented_payload() {
        let event = WebhookEvent::parse(
            r#"{"action":"updated","timestamp":"2025-12-11T10:30:00Z","signature":"x","webhookId":"w-1",
                "data":{"premiseid":34014,"premisename":"LIBWOB CHEMIST","lastModified":"2025-12-11T09:15:00Z"}}"#,
        )
        .unwrap();
        assert_eq!(event.action, Action::Updated);
        assert_eq!(event.premise_id.to_string(), "PREMISE-34014");
        assert_eq!(event.webhook_id.as_deref(), Some("w-1"));
        assert_eq!(event.timestamp, Some(source_time::parse("2025-12-11T10:30:00Z").unwrap()));
        assert_eq!(event.last_modified, Some(source_time::parse("2025-12-11T09:15:00Z").unwrap()));
        assert!(event.raw_data.starts_with(r#"{"premiseid":34014"#));
    }

    #[test]
    fn reads_the_short_form() {
        let event = WebhookEvent::parse(
            r#"{"action":"updated","data":{"premiseid":34014,"premisename":"UPDATED CHEMIST NAME"}}"#,
        )
        .unwrap();
        assert_eq!((event.timestamp, event.webhook_id), (None, None));
        assert_eq!(event.content.county, Field::Absent);
    }

    #[test]
    fn a_deletion_needs_the_id_only() {
        let event = WebhookEvent::parse(r#"{"action":"deleted","data":{"premiseid":"34014"}}"#).unwrap();
        assert_eq!(event.content, PremiseContent::default());
    }

    #[test]
    fn tells_broken_json_from_a_wrong_event() {
        for body in ["", "{", "nope", r#"{"action":}"#, "[1,2"] {
            assert!(matches!(WebhookEvent::parse(body), Err(InvalidWebhook::Malformed(_))), "{body:?}");
        }
        for body in ["[]", "5", "null", r#""x""#, r#"{"action":"updated","action":"deleted","data":{}}"#] {
            assert_eq!(fields(body), ["body"], "{body:?}");
        }
    }

    #[test]
    fn lists_every_field_that_is_wrong() {
        assert_eq!(fields("{}"), ["action", "data"]);
        assert_eq!(
            fields(r#"{"action":"DELETED","timestamp":12,"webhookId":[],"data":{"premiseid":0,"ward":1}}"#),
            ["action", "timestamp", "webhookId", "data.premiseid", "data.ward"]
        );
        assert_eq!(fields(r#"{"action":"updated","data":[]}"#), ["data"]);
        assert_eq!(fields(r#"{"action":"updated","data":{"premiseid":1,"premiseid":2}}"#), ["data"]);
        assert_eq!(fields(r#"{"action":"created","data":{"premiseid":1}}"#), ["data.premisename"]);
    }
}
