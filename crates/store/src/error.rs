//! What can go wrong with Postgres, and what to do about it, decided where it arises.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

/// What the caller should do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Postgres is away, full or overloaded: wait and try the same again, spend no attempt.
    Unavailable,
    /// This input was refused: trying the same again will not help.
    Rejected,
}

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL could not be read. It is not repeated: it may hold a password.
    #[error("the database URL is not valid; it looks like postgres://user:password@host:5432/name")]
    InvalidUrl,
    /// Postgres could not be reached or did not answer.
    #[error("Postgres is not available ({context})")]
    Unavailable {
        /// What was being done.
        context: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Two transactions met; the whole transaction may be tried again at once.
    #[error("transactions met ({context})")]
    Contention {
        /// What was being done.
        context: &'static str,
    },
    /// Postgres refused the statement.
    #[error("Postgres refused a statement ({context})")]
    Refused {
        /// What was being done.
        context: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The run is not this process's any more: it was cancelled or found dead by another.
    #[error("run {0} is not running any more; its result was not applied")]
    RunTakenAway(Uuid),
    /// The answer is not believed; nothing of it was applied.
    #[error("{message}")]
    AnswerRefused {
        /// Stable code.
        code: &'static str,
        /// The reason, for an operator.
        message: String,
    },
    /// The database lacks migrations this program needs.
    #[error("the database schema is behind this program; run `premise-sync migrate` (missing: {missing})")]
    SchemaBehind {
        /// Versions that are missing.
        missing: String,
    },
    /// A migration failed.
    #[error("a migration failed")]
    Migration(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Unavailable { .. } | Self::Contention { .. } | Self::SchemaBehind { .. } => {
                Disposition::Unavailable
            }
            Self::InvalidUrl
            | Self::Refused { .. }
            | Self::RunTakenAway(_)
            | Self::AnswerRefused { .. }
            | Self::Migration(_) => Disposition::Rejected,
        }
    }

    pub(crate) fn from_postgres(context: &'static str, error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(code)
                if *code == SqlState::T_R_SERIALIZATION_FAILURE
                    || *code == SqlState::T_R_DEADLOCK_DETECTED =>
            {
                Self::Contention { context }
            }
            Some(code) if !is_infrastructure(code) => Self::Refused { context, source: error.into() },
            _ => Self::Unavailable { context, source: error.into() },
        }
    }

    /// No connection could be had: whatever the reason, no statement is to blame.
    pub(crate) fn from_pool(context: &'static str, error: PoolError) -> Self {
        Self::Unavailable { context, source: error.into() }
    }

    pub(crate) fn from_diesel(context: &'static str, error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind, Error};
        match error {
            Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Contention { context },
            Error::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                _,
            )
            | Error::BrokenTransactionManager => Self::Unavailable { context, source: error.into() },
            other => Self::Refused { context, source: other.into() },
        }
    }
}

/// Classes of SQLSTATE that speak of the server, not of the statement: connection, resources,
/// operator intervention, system error; and a read-only standby after a failover.
fn is_infrastructure(code: &SqlState) -> bool {
    ["08", "53", "57", "58"].contains(&&code.code()[..2]) || *code == SqlState::READ_ONLY_SQL_TRANSACTION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_server_from_the_statement() {
        for code in [SqlState::ADMIN_SHUTDOWN, SqlState::TOO_MANY_CONNECTIONS, SqlState::DISK_FULL] {
            assert!(is_infrastructure(&code), "{code:?}");
        }
        for code in
            [SqlState::UNIQUE_VIOLATION, SqlState::NOT_NULL_VIOLATION, SqlState::UNTRANSLATABLE_CHARACTER]
        {
            assert!(!is_infrastructure(&code), "{code:?}");
        }
    }
}
