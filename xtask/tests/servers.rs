//! Private servers for real: started from the programs of this machine, killed, back where they were,
//! ended without a trace. `cargo xtask test` has made sure that the programs are there.

#![expect(clippy::unwrap_used, reason = "a test, helpers included")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use premise_local_stack::{
    Durability, Error, Event, Guard, Place, ProcessId, Ready, Sources, Supervisor, Urls,
};
use tokio::sync::mpsc;

const SOON: Duration = Duration::from_mins(1);

struct Stack {
    place: Arc<Place>,
    supervisor: Supervisor,
    urls: Urls,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Stack {
    async fn start(state: &Path, sources: &Sources) -> Self {
        let place = Arc::new(Place::claim(state).unwrap());
        let (sender, events) = mpsc::unbounded_channel();
        let guard = Guard::at(env!("CARGO_BIN_EXE_xtask"));
        let supervisor = Supervisor::new(guard, Arc::clone(&place), sender);
        let urls = sources.start(&supervisor, &place, Durability::OneRun).await.unwrap();
        Self { place, supervisor, urls, events }
    }

    fn pids(&self) -> BTreeMap<String, u32> {
        self.supervisor.pids().borrow().clone()
    }

    /// Kills a server and waits until it is ready again.
    async fn kill(&mut self, name: &str) {
        let before = self.pids()[name];
        kill(Pid::from_raw(before.cast_signed()), Signal::SIGKILL).unwrap();
        let back = tokio::time::timeout(SOON, async {
            loop {
                if let Event::Restarted(restarted, pid) = self.events.recv().await.unwrap()
                    && restarted == name
                {
                    return pid;
                }
            }
        });
        let after = back.await.unwrap();
        assert_ne!(before, after);
        assert_eq!(self.pids()[name], after);
    }

    async fn stop(self) -> Vec<ProcessId> {
        let all = Place::processes(self.place.state()).unwrap();
        self.supervisor.stop().await;
        drop(self.supervisor);
        Arc::into_inner(self.place).unwrap().remove_data().unwrap();
        all.into_values().collect()
    }
}

fn port(url: &str) -> u16 {
    let (_, authority) = url.split_once('@').unwrap();
    authority.split('/').next().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()
}

fn program(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap().trim().to_owned()
}

#[tokio::test]
async fn killed_servers_come_back_and_nothing_outlives_the_stack() {
    let state = tempfile::tempdir().unwrap();
    // A run against given urls or containers says nothing about private servers.
    let Some(sources) = Sources::installed() else { return };
    let mut stack = Stack::start(&state.path().join("state"), &sources).await;
    let (postgres, rabbitmq) = (stack.pids()["postgres"], stack.pids()["rabbitmq"]);
    if cfg!(target_os = "linux") {
        assert_eq!(program(postgres), "postgres");
        assert_eq!(program(rabbitmq), "beam.smp");
        assert!(runs_unprivileged(postgres) && runs_unprivileged(rabbitmq));
    }
    let data = stack.place.data().to_owned();
    assert!(data.exists());

    stack.kill("postgres").await;
    assert!(Ready::Postgres(port(&stack.urls.database)).holds().await);
    stack.kill("rabbitmq").await;
    assert!(Ready::Amqp(port(&stack.urls.broker)).holds().await);

    let all = stack.stop().await;
    assert!(all.len() >= 4, "servers and their guards: {all:?}");
    assert!(all.iter().all(|process| !process.is_alive()), "left: {all:?}");
    assert!(!data.exists());
}

fn runs_unprivileged(pid: u32) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(format!("/proc/{pid}")).unwrap().uid() != 0
}

#[tokio::test]
async fn a_state_folder_has_one_owner_and_a_dead_owner_is_swept() {
    let state = tempfile::tempdir().unwrap();
    let place = Place::claim(state.path()).unwrap();
    assert!(matches!(Place::claim(state.path()), Err(Error::Busy)));
    assert_eq!(Place::owner(state.path()).unwrap(), ProcessId::of(std::process::id()));
    let data = place.data().to_owned();

    // A process that a killed owner has left, without its guard, as `instance.json` would name it.
    let mut left = std::process::Command::new("sleep").arg("1006").spawn().unwrap();
    let process = ProcessId::of(left.id()).unwrap();
    let reused = std::process::id();
    let record = std::fs::read_to_string(state.path().join("instance.json")).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
    record["processes"]["left"] = serde_json::to_value(&process).unwrap();
    record["processes"]["reused"] = serde_json::json!({"pid": reused, "started": "long ago"});
    std::fs::write(state.path().join("instance.json"), record.to_string()).unwrap();
    drop(place);

    let swept = Instant::now();
    let wait = std::thread::spawn(move || left.wait().unwrap());
    Place::clean_up_after_dead_owner(state.path()).unwrap();
    assert!(swept.elapsed() < SOON && !process.is_alive());
    assert!(!wait.join().unwrap().success());
    assert!(!data.exists());
    assert_eq!(Place::owner(state.path()).unwrap(), None);
}
