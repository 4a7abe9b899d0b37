//! What can go wrong with the broker, and what the caller may conclude from it.
//!
//! Every publish error is worth another try; they differ in whether the message may be stored
//! already, which [`PublishError::disposition`] tells.

use std::time::Duration;

/// What a failed publish leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The broker holds nothing of the message.
    NotStored,
    /// The broker may hold the message: publishing again may duplicate it.
    Unknown,
}

/// Why a message was not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no connection to the broker at the moment.
    #[error("not connected to the broker")]
    Disconnected,
    /// The broker takes no messages because it is short of memory or disk.
    #[error("the broker blocks publishers: {reason}")]
    Blocked {
        /// The broker's words.
        reason: String,
    },
    /// The publisher was closed.
    #[error("the publisher is closed")]
    Closed,
    /// No queue is bound for the message; the broker returned it.
    #[error("no queue takes messages for {route}")]
    Unroutable {
        /// The routing key.
        route: String,
    },
    /// The queue refused the message, for instance because it is full.
    #[error("the broker refused the message")]
    Nacked,
    /// No confirm came in time.
    #[error("no confirm within {} ms", .0.as_millis())]
    DeadlinePassed(Duration),
    /// The connection was lost before the confirm came.
    #[error("the connection was lost before the confirm")]
    ConnectionLost,
}

impl PublishError {
    /// Whether the message may be stored although the publish failed.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Disconnected
            | Self::Blocked { .. }
            | Self::Closed
            | Self::Unroutable { .. }
            | Self::Nacked => Disposition::NotStored,
            Self::DeadlinePassed(_) | Self::ConnectionLost => Disposition::Unknown,
        }
    }

    /// Stable name, for metrics and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Blocked { .. } => "blocked",
            Self::Closed => "closed",
            Self::Unroutable { .. } => "unroutable",
            Self::Nacked => "nacked",
            Self::DeadlinePassed(_) => "confirm_late",
            Self::ConnectionLost => "connection_lost",
        }
    }
}

/// Why there is no usable connection. Always answered by connecting again.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The host cannot be resolved or reached.
    #[error("cannot reach the broker")]
    Unreachable(#[source] std::io::Error),
    /// No connection, channel or declaration within the given time.
    #[error("the broker did not answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// The broker or the protocol library reported an error.
    #[error("the broker refused or closed the connection")]
    Amqp(#[from] lapin::Error),
    /// Confirms stopped while messages waited for them.
    #[error("no confirm arrived for {} ms", .0.as_millis())]
    Stalled(Duration),
    /// The connection ended without a reason.
    #[error("the connection was closed")]
    Closed,
    /// The broker cancelled the subscription, for instance because the queue was deleted.
    #[error("the broker cancelled the consumer")]
    Cancelled,
}

/// The error and all its sources in one line, for logs.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        // Some of lapin's errors repeat their source.
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}
