//! Sections `api` and `auth`.

use premise_runtime::Secret;
use serde::{Deserialize, Serialize};

/// Section `api`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ApiSettings {
    /// Longest that `?wait=` holds an answer back, in seconds. Longer wishes are shortened to it.
    pub(crate) max_wait_seconds: u64,
    /// Answers that may be held open at once: event streams, waits for a run and for changes.
    pub(crate) max_long_answers: usize,
    /// Hours without a pull after which the register counts as stale: `warning`.
    pub(crate) lag_warning_hours: i64,
    /// The same for `critical`.
    pub(crate) lag_critical_hours: i64,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self { max_wait_seconds: 60, max_long_answers: 64, lag_warning_hours: 6, lag_critical_hours: 24 }
    }
}

/// Section `auth`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AuthSettings {
    /// Whether a caller needs a token.
    pub(crate) mode: Mode,
    /// Who may call. In mode `none` a token is not needed, but one that is presented still counts.
    pub(crate) tokens: Vec<TokenSettings>,
}

/// Whether a caller needs a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Everyone who reaches the process may do everything; only on loopback addresses.
    #[default]
    None,
    /// A bearer token, whose role decides.
    Token,
}

/// One token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenSettings {
    /// Who holds it; shown as the requester of a run.
    pub(crate) name: String,
    /// What it allows.
    pub(crate) role: Role,
    /// At least 16 characters.
    pub(crate) token: Secret,
}

/// What a caller may do; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Read.
    Viewer,
    /// Start and change.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// As written in the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}
