//! One puller's world: a register, queues, and a simulated PPB. Every part is a real process or server.

use std::{collections::BTreeMap, time::Duration};

use premise_broker::{BrokerConfig, Outgoing, Publisher, Route, WorkQueue};
use premise_domain::sync_run::{Mode, RunRequest};
use premise_store::{
    Store,
    runs::{self, NewRun, Queued, SyncRun},
};
use premise_testkit::{QueuePrefix, ServiceCommand, ServiceProcess, TestDatabase, wait_for, wait_until};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::queue;

pub(crate) const SOON: Duration = Duration::from_secs(30);

/// What the simulator's account has.
const EMAIL: &str = "sync@premises.example";
const PASSWORD: &str = "simulated";

pub(crate) struct Site {
    pub(crate) store: Store,
    broker: BrokerConfig,
    publisher: Publisher,
    http: reqwest::Client,
    ppb_url: String,
    control_url: String,
    _simulator: ServiceProcess,
    _folder: TempDir,
    pub(crate) database: TestDatabase,
    prefix: QueuePrefix,
}

impl Site {
    /// With a catalogue of 300 premises.
    pub(crate) async fn new() -> Self {
        Self::with_premises(300).await
    }

    pub(crate) async fn with_premises(premises: u64) -> Self {
        premise_runtime::install_ring();
        let database = TestDatabase::create().await;
        premise_store::migrate(database.url()).await.unwrap();
        let prefix = QueuePrefix::new();
        let broker = BrokerConfig {
            url: prefix.broker_url().parse().unwrap(),
            queue_prefix: prefix.as_str().to_owned(),
            ..BrokerConfig::default()
        };
        premise_broker::declare(&broker).await.unwrap();
        let publisher = Publisher::start(&broker, "test");
        publisher.readiness().ready().await;
        let folder = tempfile::tempdir().unwrap();
        let announced = folder.path().join("addresses.json");
        let simulator = ServiceCommand::new("ppb-sim")
            .arg("--premises")
            .arg(premises.to_string())
            .arg("--announce")
            .arg(announced.as_os_str())
            .spawn()
            .await;
        let told = wait_for(SOON, "the simulator's addresses", async || {
            serde_json::from_slice::<Value>(&std::fs::read(&announced).ok()?).ok()
        })
        .await;
        let url = |name: &str| told[name].as_str().unwrap().to_owned();
        Self {
            store: Store::connect(database.url(), 4).unwrap(),
            broker,
            publisher,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            ppb_url: url("ppb_url"),
            control_url: url("ppb_control_url"),
            _simulator: simulator,
            _folder: folder,
            database,
            prefix,
        }
    }

    /// A puller that waits milliseconds where a real one waits seconds.
    pub(crate) fn puller(&self) -> ServiceCommand {
        ServiceCommand::new("batch-puller")
            .env("PREMISE__DATABASE__URL", self.database.url())
            .env("PREMISE__BROKER__URL", self.prefix.broker_url())
            .env("PREMISE__BROKER__QUEUE_PREFIX", self.prefix.as_str())
            .env("PREMISE__ADMIN__BIND", "127.0.0.1:0")
            .env("PREMISE__PPB__URL", &self.ppb_url)
            .env("PREMISE__PPB__EMAIL", EMAIL)
            .env("PREMISE__PPB__PASSWORD", PASSWORD)
            .env("PREMISE__PPB__FIRST_WAIT_MS", "20")
            .env("PREMISE__PPB__LONGEST_WAIT_MS", "100")
            .env("PREMISE__PPB__FIRST_BYTE_TIMEOUT_MS", "2000")
            .env("PREMISE__PPB__SILENCE_TIMEOUT_MS", "1000")
            .env("PREMISE__PULL__PROGRESS_MS", "50")
            .env("PREMISE__PULL__DEAD_AFTER_MS", "2000")
            .env("PREMISE__PULL__LOOK_MS", "500")
            .env("PREMISE__PULL__CONFIRMATION_GAP_SECONDS", "0")
            .env("PREMISE__PULL__FULL_SCHEDULE", "") // The tests ask.
    }

    /// Changes the simulator: `faults`, `features`, `premises/7`.
    pub(crate) async fn put(&self, what: &str, body: Value) {
        let request = self.http.put(format!("{}/{what}", self.control_url)).json(&body);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{what}: {}", response.text().await.unwrap());
    }

    pub(crate) async fn clear_faults(&self) {
        let request = self.http.delete(format!("{}/faults", self.control_url));
        assert!(request.send().await.unwrap().status().is_success());
    }

    /// The catalogue's rows as they are now.
    pub(crate) async fn truth(&self) -> Vec<Value> {
        let response = self.http.get(format!("{}/premises", self.control_url)).send().await.unwrap();
        response.text().await.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Queues a run and leaves the message out.
    pub(crate) async fn queue(&self, mode: Mode, since: Option<&str>) -> Uuid {
        self.queue_this(mode, since, false).await
    }

    async fn queue_this(&self, mode: Mode, since: Option<&str>, dry_run: bool) -> Uuid {
        let new = NewRun {
            id: Uuid::now_v7(),
            mode,
            requested_by: "test".into(),
            since: since.map(|text| text.parse().unwrap()),
            dry_run,
        };
        let mut connection = self.store.connection().await.unwrap();
        match runs::queue(&mut connection, new).await.unwrap() {
            Queued::Created(run) => run.id,
            Queued::InProgress(run) => panic!("{run:?} is in progress"),
        }
    }

    pub(crate) async fn send(&self, body: impl Into<Vec<u8>>) {
        let message = Outgoing::json(Route::to(WorkQueue::SyncRuns), body.into());
        self.publisher.publish(message).await.unwrap();
    }

    /// Queues a run and wakes the puller.
    pub(crate) async fn request(&self, mode: Mode, since: Option<&str>) -> Uuid {
        let run_id = self.queue(mode, since).await;
        self.send(serde_json::to_vec(&RunRequest { run_id }).unwrap()).await;
        run_id
    }

    pub(crate) async fn run(&self, id: Uuid) -> SyncRun {
        let mut connection = self.store.connection().await.unwrap();
        runs::find(&mut connection, id).await.unwrap().unwrap()
    }

    /// The run once it is over.
    pub(crate) async fn over(&self, id: Uuid) -> SyncRun {
        self.over_within(SOON, id).await
    }

    pub(crate) async fn over_within(&self, deadline: Duration, id: Uuid) -> SyncRun {
        wait_for(deadline, "the end of the run", async || {
            let run = self.run(id).await;
            run.status.is_final().then_some(run)
        })
        .await
    }

    /// Lets a run tell what it would do.
    pub(crate) async fn rehearse(&self, mode: Mode) -> SyncRun {
        let run_id = self.queue_this(mode, None, true).await;
        self.send(serde_json::to_vec(&RunRequest { run_id }).unwrap()).await;
        self.over(run_id).await
    }

    /// Removes premises at PPB, from the beginning of its catalogue.
    pub(crate) async fn remove(&self, count: usize) {
        for row in &self.truth().await[..count] {
            let url = format!("{}/premises/{}", self.control_url, row["premiseid"]);
            assert!(self.http.delete(url).send().await.unwrap().status().is_success());
        }
    }

    /// Text of a page of the puller's admin listener.
    pub(crate) async fn admin(&self, port: u16, page: &str) -> Option<String> {
        let answer = self.http.get(format!("http://127.0.0.1:{port}/{page}")).send().await.ok()?;
        if answer.status().is_success() { answer.text().await.ok() } else { None }
    }

    /// Requests a run and waits for its end.
    pub(crate) async fn pull(&self, mode: Mode) -> SyncRun {
        self.over(self.request(mode, None).await).await
    }

    /// Waits until the run says it is in this phase and has come so far.
    pub(crate) async fn until_phase(&self, id: Uuid, phase: &str, bytes: i64) {
        wait_until(SOON, phase, async || {
            let run = self.run(id).await;
            assert!(!run.status.is_final(), "{run:?}");
            run.phase.as_deref() == Some(phase) && run.bytes >= bytes
        })
        .await;
    }

    pub(crate) async fn number(&self, statement: &str) -> i64 {
        self.database.connect().await.query_one(statement, &[]).await.unwrap().get(0)
    }

    /// Premises and changes: what a failed run must not touch.
    pub(crate) async fn register(&self) -> (i64, i64) {
        let premises = "SELECT count(*) FROM premises WHERE NOT is_tombstone";
        (self.number(premises).await, self.number("SELECT count(*) FROM premise_changes").await)
    }

    /// Id and name of every premise.
    pub(crate) async fn names(&self) -> BTreeMap<i64, String> {
        let sql = self.database.connect().await;
        let rows = sql.query("SELECT premise_id, name FROM premises", &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// Keeps every apply waiting until the connection is dropped.
    pub(crate) async fn hold_applies(&self) -> impl Send + use<> {
        const APPLY_LOCK: i64 = 7_205_001;
        let sql = self.database.connect().await;
        sql.query("SELECT pg_advisory_lock($1)", &[&APPLY_LOCK]).await.unwrap();
        sql
    }

    /// Lets nobody into the database and cuts everyone off, or lets them in again. Only from another database can
    /// one be shut.
    pub(crate) async fn open_database(&self, open: bool) {
        let elsewhere = TestDatabase::create().await;
        let sql = elsewhere.connect().await;
        let name = self.database.name();
        sql.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {open}")).await.unwrap();
        if !open {
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
            sql.query(cut, &[&name]).await.unwrap();
        }
    }

    /// Takes out what lies in a queue that nobody else consumes.
    pub(crate) async fn take_out(&self, queue: WorkQueue) -> Vec<String> {
        queue::take_out(&self.broker, &self.publisher, queue).await
    }
}
