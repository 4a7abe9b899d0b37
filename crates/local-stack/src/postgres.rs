//! A private Postgres: its own data folder, port and superuser with a random password. The unix
//! socket is off, so the loopback port with SCRAM is the only way in.

use std::path::PathBuf;
use std::time::Duration;

use crate::find::PostgresPrograms;
use crate::guard::{GuardSpec, Output, StopSignal};
use crate::place::Place;
use crate::process::Launch;
use crate::ready::Ready;
use crate::secret::random_hex;
use crate::supervise::{Supervisor, Unit};
use crate::{Durability, Error, ports};

/// The superuser and its database.
const NAME: &str = "premise";

/// Settings of every private instance, for many short-lived clients on a small machine.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 400
shared_buffers = 128MB
work_mem = 8MB
maintenance_work_mem = 64MB
max_wal_size = 1GB
min_wal_size = 80MB
checkpoint_timeout = 15min
wal_level = minimal
max_wal_senders = 0
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
logging_collector = off
";

/// Gives up the promise against a power cut, not the one against a killed server.
const FOR_ONE_RUN: &str = "
fsync = off
full_page_writes = off
";

/// Creates and starts an instance; returns its superuser url.
pub(crate) async fn start(
    supervisor: &Supervisor,
    place: &Place,
    programs: &PostgresPrograms,
    durability: Durability,
) -> Result<String, Error> {
    let root = place.data_subfolder("postgres")?;
    let instance = Instance { programs, place, root, password: random_hex() };
    supervisor.run_once(&instance.initdb()?).await?;
    supervisor.run_once(&instance.create_database()).await?;
    let extra = if durability == Durability::OneRun { FOR_ONE_RUN } else { "" };
    place.data_file(&instance.data().join("postgresql.auto.conf"), 0o600, &format!("{SETTINGS}{extra}"))?;

    let port = ports::first_that_starts(|port| supervisor.start(instance.unit(port))).await?;
    Ok(format!("postgres://{NAME}:{}@127.0.0.1:{port}/{NAME}", instance.password))
}

struct Instance<'a> {
    programs: &'a PostgresPrograms,
    place: &'a Place,
    root: PathBuf,
    password: String,
}

impl Instance<'_> {
    fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    fn launch(&self, program: PathBuf) -> Launch {
        let mut launch = Launch::new("postgres", program).env("HOME", &self.root).env("LC_ALL", "C");
        launch.bare_env = true;
        launch.dir = Some(self.root.clone());
        launch.guard = GuardSpec {
            run_as: self.place.run_as(),
            output: Output::Log(self.place.log("postgres")),
            stop: StopSignal::Interrupt,
            grace: Duration::from_secs(10),
        };
        launch
    }

    fn initdb(&self) -> Result<Launch, Error> {
        let password_file = self.root.join("password");
        self.place.data_file(&password_file, 0o600, &self.password)?;
        // Homebrew's Postgres knows no C.UTF-8 on older macOS.
        let locale = if cfg!(target_os = "linux") { "C.UTF-8" } else { "C" };
        Ok(self
            .launch(self.programs.bin.join("initdb"))
            .args(["--auth=scram-sha-256", "--encoding=UTF8", "--no-sync", "--no-instructions"])
            .args(["--username", NAME, "--locale", locale])
            .args(["--pwfile".into(), password_file.into_os_string()])
            .args(["--pgdata".into(), self.data().into_os_string()]))
    }

    /// The single-user backend creates the database before anyone can connect, and without a client.
    fn create_database(&self) -> Launch {
        let script = format!("echo 'CREATE DATABASE {NAME}' | \"$0\" --single -D \"$1\" postgres");
        self.launch("/bin/sh".into())
            .args(["-c".to_owned(), script])
            .args([self.programs.bin.join("postgres"), self.data()])
    }

    fn unit(&self, port: u16) -> Unit {
        let launch = self
            .launch(self.programs.bin.join("postgres"))
            .args(["-D".into(), self.data().into_os_string()])
            .args(["-p".to_owned(), port.to_string()]);
        Unit::new(launch, Ready::Postgres(port))
    }
}
