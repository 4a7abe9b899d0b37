//! The processes of ours that `up` runs: the simulator, and the services in one process or in four.
//!
//! Ports are chosen once, so that a service that is started again is found where it was.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use premise_local_stack::{Launch, Output, Place, Ready, StopSignal, Supervisor, Unit, Urls, free_port};

use super::settings::{PPB_EMAIL, Secrets};
use super::{Options, ports};
use crate::say;
use crate::workspace::Workspace;

const WEBHOOK_PATH: &str = "/api/master-data/premises/webhook";
/// Time that a service has to finish what it has in hand when the stack ends.
const DRAIN: Duration = Duration::from_secs(3);

/// One of our service processes.
#[derive(Debug)]
struct Member {
    name: &'static str,
    public: u16,
    admin: u16,
}

/// What runs where.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(super) secrets: Secrets,
    members: Vec<Member>,
    /// Which of them answers webhook requests.
    webhooks: usize,
    ppb: u16,
    ppb_control: u16,
    binaries: PathBuf,
    logs: BTreeMap<&'static str, PathBuf>,
    settings: PathBuf,
}

impl Plan {
    pub(super) fn new(
        workspace: &Workspace,
        place: &Place,
        options: &Options,
        urls: &Urls,
    ) -> anyhow::Result<Self> {
        let main = |name| Member { name, public: options.port, admin: ports::admin(options.port) };
        let beside = |name| anyhow::Ok(Member { name, public: free_port()?, admin: free_port()? });
        let members = if options.split {
            vec![main("ops-api"), beside("webhook-ingest")?, beside("sync-worker")?, beside("batch-puller")?]
        } else {
            vec![main("premise-sync")]
        };
        let names = members.iter().map(|member| member.name).chain(["ppb-sim", "migrate"]);
        let logs = names.map(|name| (name, place.log(name))).collect();
        let secrets = Secrets::generate(place)?;
        let (ppb, ppb_control) = (free_port()?, free_port()?);
        Ok(Self {
            settings: secrets.write_settings(urls, &origin(ppb), DRAIN)?,
            secrets,
            webhooks: usize::from(options.split),
            members,
            ppb,
            ppb_control,
            binaries: workspace.binaries.clone(),
            logs,
        })
    }

    pub(super) fn api_url(&self) -> String {
        origin(self.members[0].public)
    }

    pub(super) fn admin_url(&self) -> String {
        origin(self.members[0].admin)
    }

    pub(super) fn admin_urls(&self) -> BTreeMap<String, String> {
        self.members.iter().map(|member| (member.name.to_owned(), origin(member.admin))).collect()
    }

    pub(super) fn webhook_url(&self) -> String {
        format!("{}{WEBHOOK_PATH}", origin(self.members[self.webhooks].public))
    }

    pub(super) fn ppb_url(&self) -> String {
        origin(self.ppb)
    }

    pub(super) fn ppb_control_url(&self) -> String {
        origin(self.ppb_control)
    }

    /// Migrates, then starts everything; returns when every process is ready.
    pub(super) async fn start(&self, supervisor: &Supervisor) -> anyhow::Result<()> {
        say::step("migrating the database");
        let migrate = self.with_settings(self.launch("migrate", self.members[0].name)).args(["migrate"]);
        supervisor.run_once(&migrate).await?;
        let names: Vec<&str> = self.members.iter().map(|member| member.name).collect();
        say::step(&format!("starting ppb-sim, {}", names.join(", ")));
        supervisor.start(self.simulator()).await?;
        let started = self.members.iter().map(|member| supervisor.start(self.service(member)));
        futures_util::future::try_join_all(started).await?;
        Ok(())
    }

    fn launch(&self, name: &'static str, binary: &str) -> Launch {
        let mut launch = Launch::new(name, self.binaries.join(binary));
        launch.guard.output = self.logs.get(name).map_or(Output::Discard, |log| Output::Log(log.clone()));
        launch.guard.stop = StopSignal::Terminate;
        launch.guard.grace = DRAIN + Duration::from_secs(2);
        launch
    }

    fn simulator(&self) -> Unit {
        let launch = self
            .launch("ppb-sim", "ppb-sim")
            .args(["--listen".to_owned(), address(self.ppb)])
            .args(["--control".to_owned(), address(self.ppb_control)])
            .args(["--email", PPB_EMAIL])
            .args(["--password-file".into(), self.secrets.ppb_password_file().into_os_string()])
            .args(["--webhook-url".to_owned(), self.webhook_url()])
            .args(["--webhook-secret-file".into(), self.secrets.webhook_file().into_os_string()]);
        Unit::new(launch, Ready::Http(self.ppb_control, "/state".to_owned()))
    }

    fn service(&self, member: &Member) -> Unit {
        let launch = self
            .with_settings(self.launch(member.name, member.name))
            .env("PREMISE__HTTP__BIND", address(member.public))
            .env("PREMISE__ADMIN__BIND", address(member.admin));
        Unit::new(launch, Ready::Http(member.admin, "/readyz".to_owned()))
    }

    fn with_settings(&self, launch: Launch) -> Launch {
        launch.env("PREMISE_CONFIG", &self.settings)
    }
}

/// 127.0.0.1 and not `localhost`: the listeners are on that address, and no resolver is asked.
fn origin(port: u16) -> String {
    format!("http://{}", address(port))
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
