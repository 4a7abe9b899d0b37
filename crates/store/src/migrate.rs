//! The schema: migrations are embedded, applied by `migrate`, and checked before a process is ready.
//!
//! A newer schema than the program knows is accepted: two versions run side by side during a
//! rollout. An older one is refused.

use std::collections::BTreeSet;

use diesel::{QueryableByName, sql_types::Text};
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::StoreError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// Applies what is missing and returns the names of what was applied. Safe to run twice and from
/// several places at once: an advisory lock lets one in at a time.
pub async fn migrate(url: &str) -> Result<Vec<String>, StoreError> {
    let context = "connect to migrate";
    let mut connection = AsyncPgConnection::establish(url)
        .await
        .map_err(|error| StoreError::Unavailable { context, source: error.into() })?;
    diesel::sql_query("SELECT pg_advisory_lock(7205000)")
        .execute(&mut connection)
        .await
        .map_err(|error| StoreError::from_diesel("lock the schema", error))?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let applied = harness.run_pending_migrations(MIGRATIONS).map_err(StoreError::Migration)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Refuses a database that lacks a migration.
pub(crate) async fn check_schema(connection: &mut AsyncPgConnection) -> Result<(), StoreError> {
    let applied: Result<Vec<Applied>, _> =
        diesel::sql_query("SELECT version FROM __diesel_schema_migrations").load(connection).await;
    let applied: BTreeSet<String> = match applied {
        Ok(rows) => rows.into_iter().map(|row| row.version).collect(),
        Err(diesel::result::Error::DatabaseError(diesel::result::DatabaseErrorKind::Unknown, _)) => {
            BTreeSet::new()
        }
        Err(error) => return Err(StoreError::from_diesel("check the schema", error)),
    };
    let missing: Vec<String> = known_versions()?.difference(&applied).cloned().collect();
    if missing.is_empty() { Ok(()) } else { Err(StoreError::SchemaBehind { missing: missing.join(", ") }) }
}

fn known_versions() -> Result<BTreeSet<String>, StoreError> {
    use diesel::migration::{Migration, MigrationSource};
    let migrations: Vec<Box<dyn Migration<diesel::pg::Pg>>> =
        MIGRATIONS.migrations().map_err(StoreError::Migration)?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}
