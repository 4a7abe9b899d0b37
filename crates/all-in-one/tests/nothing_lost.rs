//! Under load, with processes killed: every accepted webhook is in the register, applied once.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{join, join_all};
use premise_domain::signature::{SIGNATURE_HEADER, SigningKey};
use premise_testkit::{
    QueuePrefix, ServiceCommand, ServiceProcess, SqlClient, TestDatabase, wait_for, wait_until,
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

const SECRET: &str = "the shared secret of this test";
const WEBHOOKS: u64 = 20_000;
const CONCURRENCY: u64 = 64;

/// Ingest and worker as two processes, as a cluster runs them.
struct Split {
    ingest: ServiceProcess,
    worker: ServiceProcess,
    webhook_url: String,
    sql: SqlClient,
    prefix: QueuePrefix,
    _database: TestDatabase,
}

impl Split {
    async fn start() -> Self {
        premise_runtime::install_ring();
        let (database, prefix) = (TestDatabase::create().await, QueuePrefix::new());
        let command = |name: &str| {
            ServiceCommand::new(name)
                .env("PREMISE__HTTP__BIND", "127.0.0.1:0")
                .env("PREMISE__ADMIN__BIND", "127.0.0.1:0")
                .env("PREMISE__DATABASE__URL", database.url())
                .env("PREMISE__BROKER__URL", prefix.broker_url())
                .env("PREMISE__BROKER__QUEUE_PREFIX", prefix.as_str())
                .env("PREMISE__WEBHOOK__SECRET", SECRET)
        };
        let mut migrate = command("ops-api").arg("migrate").spawn().await;
        assert!(migrate.exited(Duration::from_secs(30)).await.success(), "{}", migrate.output());
        let (ingest, worker) =
            (command("webhook-ingest").spawn().await, command("sync-worker").spawn().await);
        let public = address(&ingest, "public").await;
        ready(&ingest).await;
        ready(&worker).await;
        let webhook_url = format!("http://{public}/api/master-data/premises/webhook");
        let sql = database.connect().await;
        Self { ingest, worker, webhook_url, sql, prefix, _database: database }
    }

    async fn number(&self, statement: &str) -> i64 {
        self.sql.query_one(statement, &[]).await.unwrap().get(0)
    }
}

async fn address(process: &ServiceProcess, which: &str) -> String {
    let told = async || {
        let lines = process.output();
        let mut events = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let serving =
            events.rfind(|event| event["message"].as_str().is_some_and(|m| m.ends_with("is serving")))?;
        serving[which].as_str().map(str::to_owned)
    };
    wait_for(Duration::from_secs(15), "the process serves", told).await
}

async fn ready(process: &ServiceProcess) {
    let probe = format!("http://{}/readyz", address(process, "admin").await);
    let answers = async || reqwest::get(&probe).await.is_ok_and(|answer| answer.status() == 200);
    wait_until(Duration::from_secs(15), "readiness", answers).await;
}

/// What the senders saw.
#[derive(Default)]
struct Sent {
    next: AtomicU64,
    accepted: Mutex<Vec<i64>>,
    refused: AtomicU64,
}

/// One sender: signs and sends the next body until there is none. Gives up none: what was not
/// accepted is sent again, as PPB would.
async fn send_until_done(client: &reqwest::Client, url: &str, sent: &Sent) {
    let key = SigningKey::new("current", SECRET.as_bytes()).unwrap();
    loop {
        let n = sent.next.fetch_add(1, Ordering::Relaxed);
        if n >= WEBHOOKS {
            return;
        }
        let id = i64::try_from(n).unwrap() + 1;
        let data = json!({"premiseid": id, "premisename": format!("CHEMIST {id}")});
        let body = json!({"action": "created", "webhookId": format!("w-{id}"), "data": data}).to_string();
        let signature = key.sign(body.as_bytes());
        let accepted = async || {
            let request = client.post(url).header("content-type", "application/json");
            let answer = request.header(SIGNATURE_HEADER, &signature).body(body.clone()).send().await;
            let accepted = answer.is_ok_and(|answer| answer.status().is_success());
            sent.refused.fetch_add(u64::from(!accepted), Ordering::Relaxed);
            accepted
        };
        wait_until(Duration::from_mins(1), "acceptance", accepted).await;
        sent.accepted.lock().await.push(id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_webhooks_survive_the_death_of_the_worker() {
    let mut split = Split::start().await;
    let sent = Sent::default();
    let client = reqwest::Client::new();
    let url = split.webhook_url.clone();
    let senders = join_all((0..CONCURRENCY).map(|_| send_until_done(&client, &url, &sent)));
    let killing = async {
        for part in [1, 2, 3] {
            let reached = i64::try_from(WEBHOOKS).unwrap() * part / 5;
            let applied = async || split.number("SELECT count(*) FROM inbox").await >= reached;
            wait_until(Duration::from_mins(2), "part of the load", applied).await;
            split.worker.restart().await;
        }
    };
    join(senders, killing).await;
    let accepted = i64::try_from(sent.accepted.lock().await.len()).unwrap();
    assert_eq!(accepted, i64::try_from(WEBHOOKS).unwrap());
    wait_until(Duration::from_mins(2), "the register", async || {
        split.number("SELECT count(*) FROM premises").await >= accepted
    })
    .await;
    assert_eq!(split.number("SELECT count(DISTINCT premise_id) FROM premises").await, accepted);
    assert_eq!(split.number("SELECT count(*) FROM premise_changes").await, accepted, "each applied once");
    assert_eq!(split.number("SELECT count(*) FROM dead_letters").await, 0);
    assert!(split.worker.terminate(Duration::from_secs(30)).await.success(), "{}", split.worker.output());
    assert!(split.ingest.terminate(Duration::from_secs(30)).await.success(), "{}", split.ingest.output());
    for queue in ["premise.webhooks.v1", "premise.webhooks.v1.dlq"] {
        assert_eq!(split.prefix.ready_messages(queue).await, 0, "{queue}");
    }
    println!("{accepted} accepted, {} refused and sent again", sent.refused.load(Ordering::Relaxed));
}
