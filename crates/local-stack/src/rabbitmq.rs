//! A private `RabbitMQ` node: its own name, ports, cookie, data and port mapper, loopback only, with
//! one random user and no plugin.
//!
//! The node's name holds an address in place of a host name, so no resolver is asked.

use std::path::PathBuf;
use std::time::Duration;

use crate::find::RabbitPrograms;
use crate::guard::{GuardSpec, Output, StopSignal};
use crate::place::Place;
use crate::process::Launch;
use crate::ready::Ready;
use crate::secret::random_hex;
use crate::supervise::{Supervisor, Unit};
use crate::{Error, ports};

/// Starts a node; returns its AMQP url.
pub(crate) async fn start(
    supervisor: &Supervisor,
    place: &Place,
    programs: &RabbitPrograms,
) -> Result<String, Error> {
    let root = place.data_subfolder("rabbitmq")?;
    let mut node = Node { programs, place, root, epmd_port: 0, password: random_hex() };
    node.write_files()?;
    if let Some(epmd) = &programs.epmd {
        // Under a guard of its own; one that the node starts would outlive a killed guard.
        node.epmd_port = ports::first_that_starts(|port| supervisor.start(node.epmd(epmd, port))).await?;
    } else {
        node.epmd_port = ports::free_port()?;
    }
    let port = ports::first_that_starts(async |port| {
        let distribution = ports::free_port()?;
        supervisor.start(node.unit(port, distribution)).await
    });
    let port = port.await?;
    Ok(format!("amqp://premise:{}@127.0.0.1:{port}/%2f", node.password))
}

struct Node<'a> {
    programs: &'a RabbitPrograms,
    place: &'a Place,
    root: PathBuf,
    epmd_port: u16,
    password: String,
}

impl Node<'_> {
    fn write_files(&self) -> Result<(), Error> {
        let write =
            |name: &str, mode, content: &str| self.place.data_file(&self.root.join(name), mode, content);
        write(".erlang.cookie", 0o400, &random_hex())?;
        write("plugins", 0o600, "[].\n")?;
        // Present and empty, so that the system's own files are not read instead.
        write("env.conf", 0o600, "")?;
        write("advanced.config", 0o600, "[].\n")?;
        write("rabbitmq.conf", 0o600, &self.config())
    }

    fn config(&self) -> String {
        format!(
            "default_user = premise\n\
             default_pass = {}\n\
             log.console = true\n\
             log.console.level = warning\n\
             log.file = false\n\
             disk_free_limit.absolute = 50MB\n\
             raft.wal_max_size_bytes = 33554432\n",
            self.password
        )
    }

    fn launch(&self, name: &str, program: PathBuf) -> Launch {
        let mut launch = Launch::new(name, program)
            .env("HOME", &self.root)
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1");
        if let Some(bin) = &self.programs.erlang_bin {
            let path = std::env::var("PATH").unwrap_or_default();
            launch = launch.env("PATH", format!("{}:{path}", bin.display()));
        }
        launch.bare_env = true;
        launch.dir = Some(self.root.clone());
        launch.guard = GuardSpec {
            run_as: self.place.run_as(),
            output: Output::Log(self.place.log(name)),
            stop: StopSignal::Terminate,
            grace: Duration::from_secs(5),
        };
        launch
    }

    fn epmd(&self, program: &std::path::Path, port: u16) -> Unit {
        let mut launch = self.launch("epmd", program.to_owned()).args(["-port".to_owned(), port.to_string()]);
        launch.guard.stop = StopSignal::Kill;
        let mut unit = Unit::new(launch, Ready::Listening(port));
        unit.published = false;
        unit
    }

    fn unit(&self, port: u16, distribution: u16) -> Unit {
        let file = |name: &str| self.root.join(name).into_os_string();
        // Four schedulers are plenty; the default is one per core, each with its memory.
        let cores = std::thread::available_parallelism().map_or(2, usize::from).min(4);
        let vm = format!("+S {cores}:{cores} -kernel inet_dist_use_interface {{127,0,0,1}}");
        let launch = self
            .launch("rabbitmq", self.programs.server.clone())
            .env("RABBITMQ_NODENAME", format!("premise-{port}@127.0.0.1"))
            .env("RABBITMQ_USE_LONGNAME", "true")
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", port.to_string())
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", file("mnesia"))
            .env("RABBITMQ_LOG_BASE", file("log"))
            .env("RABBITMQ_PID_FILE", file("pid"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", file("plugins"))
            .env("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", file("advanced.config"))
            .env("RABBITMQ_CONF_ENV_FILE", file("env.conf"))
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", vm)
            // The start script then becomes the virtual machine instead of its parent, so the pid
            // is the node's own.
            .env("RUNNING_UNDER_SYSTEMD", "true");
        let mut unit = Unit::new(launch, Ready::Amqp(port));
        unit.patience = Duration::from_mins(2);
        unit
    }
}
