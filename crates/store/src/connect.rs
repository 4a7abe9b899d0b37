//! Connections: one pool for the write path, one for runs and reads.
//!
//! Both are lazy, so a process starts and reports itself unready while Postgres is away. Waiting
//! for a connection is bounded; nothing here retries.

use std::{str::FromStr, time::Duration};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use diesel_async::{
    AsyncPgConnection,
    pooled_connection::{AsyncDieselConnectionManager, deadpool},
};
use tokio_postgres::NoTls;

use crate::{StoreError, migrate};

/// How long to wait for a connection, new or free, before Postgres counts as unavailable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A pooled connection for runs and reads.
pub type Connection = deadpool::Object<AsyncPgConnection>;

/// The register's database.
#[derive(Clone)]
pub struct Store {
    pub(crate) writers: Pool,
    readers: deadpool::Pool<AsyncPgConnection>,
}

impl Store {
    /// Prepares connections to `url`, at most `max_connections` for writing and as many for
    /// reading. Does not connect yet.
    pub fn connect(url: &str, max_connections: usize) -> Result<Self, StoreError> {
        let mut config = tokio_postgres::Config::from_str(url).map_err(|_| StoreError::InvalidUrl)?;
        config.connect_timeout(CONNECT_TIMEOUT).application_name("premise-sync");
        let fast = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let writers = Pool::builder(Manager::from_config(config, NoTls, fast))
            .max_size(max_connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(CONNECT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .build()
            .map_err(|_| StoreError::InvalidUrl)?;
        let readers = deadpool::Pool::builder(AsyncDieselConnectionManager::<AsyncPgConnection>::new(url))
            .max_size(max_connections)
            .runtime(::deadpool_postgres::Runtime::Tokio1)
            .wait_timeout(Some(CONNECT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .build()
            .map_err(|_| StoreError::InvalidUrl)?;
        Ok(Self { writers, readers })
    }

    /// A connection for runs and reads.
    pub async fn connection(&self) -> Result<Connection, StoreError> {
        let context = "connect for reading";
        self.readers.get().await.map_err(|error| StoreError::Unavailable { context, source: error.into() })
    }

    /// Postgres answers, and its schema has everything this program needs.
    pub async fn ping(&self) -> Result<(), StoreError> {
        migrate::check_schema(&mut *self.connection().await?).await
    }

    pub(crate) async fn writer(&self) -> Result<deadpool_postgres::Object, StoreError> {
        self.writers.get().await.map_err(|error| StoreError::from_pool("connect for writing", error))
    }
}
