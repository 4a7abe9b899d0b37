//! A Postgres database for one test.

use anyhow::Context as _;
use tokio_postgres::NoTls;
use url::Url;
use uuid::Uuid;

use crate::runtime::run_in_drop;

/// An empty database that is dropped, with every connection to it, when the value is.
#[derive(Debug)]
pub struct TestDatabase {
    server: Url,
    name: String,
    url: String,
}

impl TestDatabase {
    /// Creates an empty database with a unique name on the server of the test run.
    ///
    /// # Panics
    /// When there is no test run (see the crate docs) or the server refuses.
    pub async fn create() -> Self {
        let server: Url =
            crate::variable("PREMISE_TEST_DATABASE_URL").parse().expect("PREMISE_TEST_DATABASE_URL is a url");
        let name = format!("test_{}", Uuid::new_v4().simple());
        execute(&server, &format!("CREATE DATABASE {name}")).await.expect("create the test's database");
        let mut own = server.clone();
        own.set_path(&name);
        Self { server, name, url: own.into() }
    }

    /// Connection url of this database, as a superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lets nobody in and cuts everyone off, as an outage does. Connections of the test itself that
    /// are to go on must be made after [`TestDatabase::open`].
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn shut(&self) {
        let name = &self.name;
        let shut = format!(
            "ALTER DATABASE {name} ALLOW_CONNECTIONS false;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        execute(&self.server, &shut).await.expect("shut the test's database");
    }

    /// Ends the outage.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn open(&self) {
        let open = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.name);
        execute(&self.server, &open).await.expect("open the test's database");
    }

    /// A connection for looking at or preparing data by hand.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn connect(&self) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&self.url, NoTls).await.expect("connect to the test's database");
        // Ends with the client, or when the database is dropped.
        tokio::spawn(connection);
        client
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        run_in_drop("drop database", async move {
            execute(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
        });
    }
}

async fn execute(server: &Url, sql: &str) -> anyhow::Result<()> {
    let (client, connection) = tokio_postgres::connect(server.as_str(), NoTls).await.context("connect")?;
    let (done, _) = tokio::join!(
        async move {
            let done = client.batch_execute(sql).await;
            drop(client);
            done
        },
        connection
    );
    Ok(done?)
}
