//! The Docker fallback: one container per missing server, described in `deploy/compose.local.yml`.
//!
//! The client `docker compose up` runs in the foreground under a guard, so containers end with
//! their owner; they are removed when the stack ends in order, or at the next start by their project
//! name.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::guard::{GuardSpec, Output, StopSignal};
use crate::place::Place;
use crate::process::Launch;
use crate::ready::Ready;
use crate::secret::random_hex;
use crate::supervise::{Supervisor, Unit};
use crate::{Error, find, ports};

/// Embedded, so that it is found wherever the executable runs.
const FILE: &str = include_str!("../../../deploy/compose.local.yml");

/// Whether a Docker daemon answers and the compose plugin is there.
pub(crate) fn is_available() -> bool {
    let answers = |args: &[&str]| {
        let quiet = Command::new("docker")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        quiet.is_ok_and(|status| status.success())
    };
    find::on_path("docker").is_some() && answers(&["compose", "version"]) && answers(&["info"])
}

/// Starts the Postgres container; returns its superuser url.
pub(crate) async fn start_postgres(supervisor: &Supervisor, place: &Place) -> Result<String, Error> {
    let container = Container { place, service: "postgres", password: random_hex() };
    let port = container.start(supervisor, Ready::Postgres).await?;
    Ok(format!("postgres://premise:{}@127.0.0.1:{port}/premise", container.password))
}

/// Starts the `RabbitMQ` container; returns its AMQP url.
pub(crate) async fn start_rabbitmq(supervisor: &Supervisor, place: &Place) -> Result<String, Error> {
    let container = Container { place, service: "rabbitmq", password: random_hex() };
    let port = container.start(supervisor, Ready::Amqp).await?;
    Ok(format!("amqp://premise:{}@127.0.0.1:{port}/%2f", container.password))
}

struct Container<'a> {
    place: &'a Place,
    service: &'static str,
    password: String,
}

impl Container<'_> {
    async fn start(&self, supervisor: &Supervisor, ready: fn(u16) -> Ready) -> Result<u16, Error> {
        let file = self.place.state().join("compose.yml");
        std::fs::write(&file, FILE)?;
        // What a killed run has left under our name.
        let remove = self.docker(&file, 1).args(["down", "--volumes", "--remove-orphans"]);
        supervisor.run_once(&remove).await?;
        ports::first_that_starts(|port| {
            let launch = self.docker(&file, port).args(["up", "--no-log-prefix", self.service]);
            let mut unit = Unit::new(launch, ready(port));
            // The image may have to be pulled first.
            unit.patience = Duration::from_mins(10);
            unit.afterwards = Some(remove.clone());
            supervisor.start(unit)
        })
        .await
    }

    fn docker(&self, file: &std::path::Path, port: u16) -> Launch {
        let mut launch = Launch::new(self.service, PathBuf::from("docker"))
            .env("PREMISE_LOCAL_PORT", port.to_string())
            .env("PREMISE_LOCAL_PASSWORD", &self.password)
            .args(["compose".into(), "--file".into(), file.as_os_str().to_owned()])
            .args(["--project-name".to_owned(), self.project()]);
        launch.guard = GuardSpec {
            run_as: None,
            output: Output::Log(self.place.log(self.service)),
            stop: StopSignal::Terminate,
            grace: Duration::from_secs(20),
        };
        launch
    }

    /// Unique per state folder and server, and the same at the next start.
    fn project(&self) -> String {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        self.place.state().hash(&mut hasher);
        format!("premise-local-{:x}-{}", hasher.finish(), self.service)
    }
}
