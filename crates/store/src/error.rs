//! What can go wrong with Postgres, and what to do about it, decided where it arises.

use deadpool_postgres::PoolError;
use tokio_postgres::error::{DbError, SqlState};
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
        let Some(database) = error.as_db_error() else {
            return Self::Unavailable { context, source: error.into() };
        };
        let code = database.code();
        let source = DatabaseFault::of(database).into();
        if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED {
            Self::Contention { context }
        } else if is_fault_of_the_input(code) {
            Self::Refused { context, source }
        } else {
            Self::Unavailable { context, source }
        }
    }

    /// No connection could be had: whatever the reason, no statement is to blame.
    pub(crate) fn from_pool(context: &'static str, error: PoolError) -> Self {
        Self::Unavailable { context, source: error.into() }
    }

    pub(crate) fn from_diesel(context: &'static str, error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind as Kind, Error};
        match error {
            Error::DatabaseError(Kind::SerializationFailure, _) => Self::Contention { context },
            Error::DatabaseError(
                Kind::UniqueViolation
                | Kind::ForeignKeyViolation
                | Kind::NotNullViolation
                | Kind::CheckViolation
                | Kind::ExclusionViolation
                | Kind::RestrictViolation,
                _,
            )
            | Error::DeserializationError(_)
            | Error::SerializationError(_)
            | Error::QueryBuilderError(_) => Self::Refused { context, source: error.into() },
            other => Self::Unavailable { context, source: other.into() },
        }
    }
}

/// What Postgres says, without what it repeats of a row: its details and hints, and the messages of
/// the classes that quote values, never leave this crate.
#[derive(Debug, thiserror::Error)]
#[error("SQLSTATE {code}{}{}", place(.table.as_deref(), .constraint.as_deref()), quoted(.message.as_deref()))]
struct DatabaseFault {
    code: String,
    table: Option<String>,
    constraint: Option<String>,
    message: Option<String>,
}

impl DatabaseFault {
    fn of(error: &DbError) -> Self {
        let message = (!is_fault_of_the_input(error.code())).then(|| error.message().to_owned());
        Self {
            code: error.code().code().to_owned(),
            table: error.table().map(str::to_owned),
            constraint: error.constraint().map(str::to_owned),
            message,
        }
    }
}

fn place(table: Option<&str>, constraint: Option<&str>) -> String {
    let table = table.map(|table| format!(" on {table}")).unwrap_or_default();
    constraint.map_or(table.clone(), |constraint| format!("{table}, constraint {constraint}"))
}

fn quoted(message: Option<&str>) -> String {
    message.map(|message| format!(": {message}")).unwrap_or_default()
}

/// Classes of SQLSTATE that speak of the values given: cardinality, data, integrity, and limits of
/// the program such as too large an index entry. Everything else is about the server, its schema,
/// its settings or its state, and no delivery is to blame for it.
fn is_fault_of_the_input(code: &SqlState) -> bool {
    ["21", "22", "23", "54"].contains(&&code.code()[..2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_speaks_of_values_is_the_inputs_fault() {
        for code in [
            SqlState::UNIQUE_VIOLATION,
            SqlState::NOT_NULL_VIOLATION,
            SqlState::UNTRANSLATABLE_CHARACTER,
            SqlState::PROGRAM_LIMIT_EXCEEDED,
        ] {
            assert!(is_fault_of_the_input(&code), "{code:?}");
        }
        for code in [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::DISK_FULL,
            SqlState::UNDEFINED_TABLE,
            SqlState::INSUFFICIENT_PRIVILEGE,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::INVALID_SQL_STATEMENT_NAME,
            SqlState::INTERNAL_ERROR,
        ] {
            assert!(!is_fault_of_the_input(&code), "{code:?}");
        }
    }
}
