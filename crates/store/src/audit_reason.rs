//! Why an operator did something, as it is kept for audit.

use std::fmt;

/// Longest reason, in characters.
pub const MAX_REASON: usize = 500;

/// A reason in an operator's words. `Debug` leaves the text out: it may be about a person.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditReason(String);

/// The text cannot be kept as a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReason {
    /// Empty, or spaces only.
    #[error("must not be blank")]
    Blank,
    /// Longer than [`MAX_REASON`].
    #[error("must have at most {MAX_REASON} characters")]
    TooLong,
    /// Postgres keeps no NUL in a text.
    #[error("must not hold the character NUL")]
    Nul,
}

impl AuditReason {
    /// Takes a text, without the spaces around it.
    pub fn new(text: &str) -> Result<Self, InvalidReason> {
        let text = text.trim();
        if text.is_empty() {
            Err(InvalidReason::Blank)
        } else if text.contains('\0') {
            Err(InvalidReason::Nul)
        } else if text.chars().count() > MAX_REASON {
            Err(InvalidReason::TooLong)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AuditReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuditReason").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_trimmed_bounded_and_not_printed() {
        let reason = AuditReason::new(" about a person\n").unwrap();
        assert_eq!((reason.as_str(), format!("{reason:?}").as_str()), ("about a person", "AuditReason(..)"));
        assert_eq!(AuditReason::new(" \n"), Err(InvalidReason::Blank));
        assert_eq!(AuditReason::new("a\0b"), Err(InvalidReason::Nul));
        assert!(AuditReason::new(&"é".repeat(MAX_REASON)).is_ok());
        assert_eq!(AuditReason::new(&"é".repeat(MAX_REASON + 1)), Err(InvalidReason::TooLong));
    }
}
