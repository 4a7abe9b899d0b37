//! What a request to PPB can end with in place of an answer.

use std::time::Duration;

use super::Retry;

/// What came of a request instead of an answer, or broke an answer off.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No connection.
    #[error("PPB cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// Not even the beginning of the answer came.
    #[error("PPB did not begin to answer within {} s", .0.as_secs_f32())]
    NoFirstByte(Duration),
    /// The answer stopped.
    #[error("PPB's answer went silent for {} s after {bytes} bytes", silence.as_secs_f32())]
    Silent {
        /// How long nothing came.
        silence: Duration,
        /// What had come by then.
        bytes: u64,
    },
    /// The connection ended within the answer, or its compression was damaged.
    #[error("PPB's answer broke off after {bytes} bytes")]
    Cut {
        /// What had come by then.
        bytes: u64,
        /// What the connection said.
        source: reqwest::Error,
    },
    /// The login answers 401 or 403.
    #[error("PPB's login refuses the credentials; check ppb.email and ppb.password")]
    LoginRefused,
    /// 401 also with fresh credentials, or 403.
    #[error("PPB refuses the credentials with status {0}; check ppb.email, ppb.password and ppb.auth")]
    Unauthorized(u16),
    /// 429.
    #[error("PPB asks for fewer requests (status 429{})", wish(*.0))]
    RateLimited(Option<Duration>),
    /// 5xx, 408 or 425.
    #[error("PPB has a fault of its own (status {status}{})", wish(*retry_after))]
    Faulty {
        /// The status.
        status: u16,
        /// PPB's wish.
        retry_after: Option<Duration>,
    },
    /// Any other status that is not 200.
    #[error("PPB refuses the request with status {0}")]
    Refused(u16),
    /// The login's answer is not understood.
    #[error("PPB's login answered without an access_token")]
    NoToken,
}

impl RequestError {
    /// Whether another attempt may help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::RateLimited(Some(wait)) | Self::Faulty { retry_after: Some(wait), .. } => {
                Retry::After(*wait)
            }
            Self::Unreachable(_)
            | Self::NoFirstByte(_)
            | Self::Silent { .. }
            | Self::Cut { .. }
            | Self::RateLimited(None)
            | Self::Faulty { retry_after: None, .. } => Retry::Soon,
            Self::LoginRefused | Self::Unauthorized(_) | Self::Refused(_) | Self::NoToken => Retry::Never,
        }
    }

    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "ppb_unreachable",
            Self::NoFirstByte(_) => "ppb_no_first_byte",
            Self::Silent { .. } => "ppb_silent",
            Self::Cut { .. } => "answer_cut",
            Self::LoginRefused | Self::Unauthorized(_) => "ppb_unauthorized",
            Self::RateLimited(_) => "ppb_rate_limited",
            Self::Faulty { .. } => "ppb_faulty",
            Self::Refused(_) => "ppb_refused",
            Self::NoToken => "ppb_login_unreadable",
        }
    }
}

/// PPB's wish in words.
fn wish(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!(", asks to come back in {} s", wait.as_secs())).unwrap_or_default()
}
