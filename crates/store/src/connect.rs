//! Connections: one pool for the write path, one for runs and reads.
//!
//! Both are lazy, so a process starts and reports itself unready while Postgres is away. Waiting
//! for a connection is bounded; nothing here retries.

use std::{str::FromStr, time::Duration};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use diesel::ConnectionError;
use diesel_async::{
    AsyncPgConnection,
    pooled_connection::{AsyncDieselConnectionManager, deadpool},
};
use futures_util::FutureExt;
use tokio_postgres::NoTls;

use crate::{StoreError, migrate};

/// How long to wait for a connection, new or free, before Postgres counts as unavailable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a sent statement may stay unacknowledged by the server's machine.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// Just-in-time compilation took a second off every pull, five times what its statement needs: its
/// cost estimates are far above what the few columns are worth.
const SESSION: &str = "-c jit=off";

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
        // What the URL itself asks for comes later and wins.
        let options = format!("{SESSION} {}", config.get_options().unwrap_or_default());
        config.connect_timeout(CONNECT_TIMEOUT).application_name("premise-sync").options(&options);
        config.tcp_user_timeout(SILENCE_TIMEOUT);
        let fast = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let writers = Pool::builder(Manager::from_config(config.clone(), NoTls, fast))
            .max_size(max_connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(CONNECT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .build()
            .map_err(|_| StoreError::InvalidUrl)?;
        let readers = deadpool::Pool::builder(readers_of(config))
            .max_size(max_connections)
            .runtime(Runtime::Tokio1)
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

/// diesel's connections, made the same way as the others.
fn readers_of(config: tokio_postgres::Config) -> AsyncDieselConnectionManager<AsyncPgConnection> {
    let mut manager = diesel_async::pooled_connection::ManagerConfig::default();
    manager.custom_setup = Box::new(move |_| {
        let config = config.clone();
        async move {
            let (client, connection) =
                config.connect(NoTls).await.map_err(|e| ConnectionError::BadConnection(e.to_string()))?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        }
        .boxed()
    });
    AsyncDieselConnectionManager::new_with_config("", manager)
}
