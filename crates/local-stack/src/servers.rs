//! Both servers of a stack, from wherever they come.

use std::path::Path;

use crate::find::{self, PostgresPrograms, RabbitPrograms};
use crate::install::Missing;
use crate::place::Place;
use crate::supervise::Supervisor;
use crate::{Error, compose, install, postgres, rabbitmq};

/// How long the data has to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// As in production: nothing committed is lost, whatever is killed.
    Kept,
    /// One test run: survives a killed server, not a power cut.
    OneRun,
}

/// Where one server comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source<P> {
    /// A server that somebody else runs.
    Url(String),
    /// A private instance of programs on this machine.
    Private(P),
    /// A container.
    Container,
}

/// Where both servers come from.
#[derive(Clone, Debug)]
pub struct Sources {
    postgres: Source<PostgresPrograms>,
    rabbitmq: Source<RabbitPrograms>,
}

/// Addresses of running servers, with their credentials.
#[derive(Clone, Debug)]
pub struct Urls {
    /// `postgres://…`, a superuser unless given from outside.
    pub database: String,
    /// `amqp://…`.
    pub broker: String,
}

impl Sources {
    /// Decides, and installs what is missing: urls from the environment, programs found, packages,
    /// containers, in this order. `say` gets a line for the user before anything is installed.
    pub fn provide(log: &Path, say: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        let (postgres, rabbitmq) = look();
        let missing = Missing { postgres: postgres.is_none(), rabbitmq: rabbitmq.is_none() };
        if let (Some(postgres), Some(rabbitmq)) = (&postgres, &rabbitmq) {
            return Ok(Self { postgres: postgres.clone(), rabbitmq: rabbitmq.clone() });
        }
        if install::packages(missing, log, say)? {
            let (Some(postgres), Some(rabbitmq)) = look() else {
                return Err(Error::NoServers { missing: format!("installed, but still: {missing}") });
            };
            return Ok(Self { postgres, rabbitmq });
        }
        if !compose::is_available() {
            return Err(Error::NoServers { missing: missing.to_string() });
        }
        say(&format!("{missing} not found: using containers"));
        let (postgres, rabbitmq) =
            (postgres.unwrap_or(Source::Container), rabbitmq.unwrap_or(Source::Container));
        Ok(Self { postgres, rabbitmq })
    }

    /// The programs on this machine alone, if both servers are there.
    pub fn installed() -> Option<Self> {
        Some(Self {
            postgres: Source::Private(find::postgres()?),
            rabbitmq: Source::Private(find::rabbitmq()?),
        })
    }

    /// Starts what is ours to start, both at the same time; returns when both are ready.
    pub async fn start(
        &self,
        supervisor: &Supervisor,
        place: &Place,
        durability: Durability,
    ) -> Result<Urls, Error> {
        let database = async {
            match &self.postgres {
                Source::Url(url) => Ok(url.clone()),
                Source::Private(programs) => postgres::start(supervisor, place, programs, durability).await,
                Source::Container => compose::start_postgres(supervisor, place).await,
            }
        };
        let broker = async {
            match &self.rabbitmq {
                Source::Url(url) => Ok(url.clone()),
                Source::Private(programs) => rabbitmq::start(supervisor, place, programs).await,
                Source::Container => compose::start_rabbitmq(supervisor, place).await,
            }
        };
        let (database, broker) = tokio::try_join!(database, broker)?;
        Ok(Urls { database, broker })
    }
}

/// What is there already.
fn look() -> (Option<Source<PostgresPrograms>>, Option<Source<RabbitPrograms>>) {
    let given = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
    let postgres = given("PREMISE_DATABASE_URL").map(Source::Url);
    let rabbitmq = given("PREMISE_BROKER_URL").map(Source::Url);
    (
        postgres.or_else(|| find::postgres().map(Source::Private)),
        rabbitmq.or_else(|| find::rabbitmq().map(Source::Private)),
    )
}
