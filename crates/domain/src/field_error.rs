//! What is wrong with one field of something PPB said, in words its developers can act on.

use serde::{Deserialize, Serialize};

/// One reason why a row or an event was refused. A refusal lists all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Path of the field in PPB's spelling, for instance `data.premiseid`.
    pub field: String,
    /// What is wrong and what would be right. Never repeats personal data.
    pub message: String,
}

impl FieldError {
    /// A refusal of `field` because of `message`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    /// All refusals in one line, for logs and for the detail of a dead letter.
    pub fn join(errors: &[FieldError]) -> String {
        errors.iter().map(|e| format!("{}: {}", e.field, e.message)).collect::<Vec<_>>().join("; ")
    }
}
