//! The whole as an operator has it: the simulator and premise-sync as real processes on a register and queues of
//! their own, and what a test asks them. Every item is used by each test binary that has this module; what only
//! one needs is there.

use std::time::Duration;

use premise_testkit::{
    QueuePrefix, ServiceCommand, ServiceProcess, SqlClient, TestDatabase, free_port, wait_for, wait_until,
};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const BASE: &str = "/api/master-data/premises";
pub(crate) const SECRET: &str = "the shared secret of this test";

/// How the whole is to be.
pub(crate) struct Setup<'a> {
    /// Premises of the simulator at the start.
    pub(crate) premises: u64,
    /// Seed of everything random in the simulator.
    pub(crate) seed: u64,
    /// Further settings of premise-sync, as variables.
    pub(crate) settings: &'a [(&'a str, &'a str)],
}

/// Fields in the order of their drop: processes before what they use.
pub(crate) struct Whole {
    pub(crate) sync: ServiceProcess,
    pub(crate) simulator: ServiceProcess,
    pub(crate) public: String,
    pub(crate) admin: String,
    pub(crate) http: reqwest::Client,
    pub(crate) sql: SqlClient,
    /// Of the simulator: `ppb_url` and `ppb_control_url`.
    pub(crate) addresses: Value,
    _folder: TempDir,
    _prefix: QueuePrefix,
    _database: TestDatabase,
}

impl Whole {
    pub(crate) async fn start(setup: Setup<'_>) -> Self {
        premise_runtime::install_ring();
        let (database, prefix, folder) =
            (TestDatabase::create().await, QueuePrefix::new(), TempDir::new().unwrap());
        // Each has to know the other's address before it starts.
        let public = format!("127.0.0.1:{}", free_port());
        let admin = format!("127.0.0.1:{}", free_port());
        let (simulator, addresses) = simulator(&folder, &setup, &public).await;
        let ppb = addresses["ppb_url"].as_str().unwrap();
        let config = folder.path().join("premise.toml");
        let binds = format!("[http]\nbind = '{public}'\n[admin]\nbind = '{admin}'\n");
        std::fs::write(&config, binds + &configuration(&database, &prefix, ppb)).unwrap();
        let command = || {
            let plain = ServiceCommand::new("premise-sync").arg("--config").arg(&config);
            setup.settings.iter().fold(plain, |command, (key, value)| command.env(key, value))
        };
        let mut migrate = command().arg("migrate").spawn().await;
        assert!(migrate.exited(Duration::from_secs(30)).await.success(), "{}", migrate.output());
        let whole = Self {
            sync: command().spawn().await,
            simulator,
            public: format!("http://{public}"),
            admin: format!("http://{admin}"),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            sql: database.connect().await,
            addresses,
            _folder: folder,
            _prefix: prefix,
            _database: database,
        };
        whole.ready().await;
        // The API is ready for reads before it can start a pull.
        wait_until(Duration::from_secs(15), "the API's connection to the broker", async || {
            let log = whole.sync.output();
            log.lines().any(|line| line.contains("connected to the broker") && line.contains("ops-api"))
        })
        .await;
        whole
    }

    pub(crate) async fn ready(&self) {
        let ready = async || {
            let asked = self.http.get(format!("{}/readyz", self.admin)).send().await;
            asked.is_ok_and(|answer| answer.status() == 200)
        };
        wait_until(Duration::from_secs(30), "readiness", ready).await;
    }

    /// What the API answers.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let asked = self.http.get(format!("{}{BASE}{path}", self.public)).send().await;
        asked.unwrap().json().await.unwrap()
    }

    pub(crate) async fn metrics(&self) -> String {
        self.http.get(format!("{}/metrics", self.admin)).send().await.unwrap().text().await.unwrap()
    }

    /// A number that the register gives.
    pub(crate) async fn number(&self, statement: &str) -> i64 {
        self.sql.query_one(statement, &[]).await.unwrap().get(0)
    }

    /// Asks the simulator's control API; an answer that is no JSON comes as its text.
    pub(crate) async fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        let control = self.addresses["ppb_control_url"].as_str().unwrap();
        let request = self.http.request(method, format!("{control}/{path}"));
        let answer = if body.is_null() { request } else { request.json(body) }.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }
}

async fn simulator(folder: &TempDir, setup: &Setup<'_>, receiver: &str) -> (ServiceProcess, Value) {
    let (announce, secret) = (folder.path().join("addresses.json"), folder.path().join("secret"));
    std::fs::write(&secret, SECRET).unwrap();
    let process = ServiceCommand::new("ppb-sim")
        .arg("--premises")
        .arg(setup.premises.to_string())
        .arg("--seed")
        .arg(setup.seed.to_string())
        .arg("--webhook-url")
        .arg(format!("http://{receiver}{BASE}/webhook"))
        .arg("--webhook-secret-file")
        .arg(&secret)
        .arg("--announce")
        .arg(&announce)
        .spawn()
        .await;
    let addresses = wait_for(Duration::from_secs(10), "the simulator's addresses", async || {
        serde_json::from_slice::<Value>(&std::fs::read(&announce).ok()?).ok()
    })
    .await;
    (process, addresses)
}

fn configuration(database: &TestDatabase, prefix: &QueuePrefix, ppb: &str) -> String {
    format!(
        "[database]\nurl = '{}'\n[broker]\nurl = '{}'\nqueue_prefix = '{}'\n[webhook]\nsecret = '{SECRET}'\n\
         [ppb]\nurl = '{ppb}'\nemail = 'sync@premises.example'\npassword = 'simulated'\n\
         [pull]\nfull_schedule = ''\n",
        database.url(),
        prefix.broker_url(),
        prefix.as_str(),
    )
}
