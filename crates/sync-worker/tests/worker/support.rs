//! One worker's world: a register, queues, and PPB's side of the queue.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use premise_broker::{BrokerConfig, Outgoing, Publisher, Route, WorkQueue};
use premise_domain::{envelope::Envelope, signature::idempotency_key};
use premise_testkit::{QueuePrefix, ServiceCommand, ServiceProcess, SqlClient, TestDatabase, wait_until};
use serde_json::{Value, json};
use uuid::Uuid;

const SOON: Duration = Duration::from_mins(1);

pub(crate) struct Site {
    publisher: Publisher,
    sql: SqlClient,
    database: TestDatabase,
    prefix: QueuePrefix,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let site = Self::without_schema().await;
        site.migrate().await;
        site
    }

    pub(crate) async fn migrate(&self) {
        premise_store::migrate(self.database.url()).await.unwrap();
    }

    /// With a database that no migration has been applied to.
    pub(crate) async fn without_schema() -> Self {
        premise_runtime::install_ring();
        let database = TestDatabase::create().await;
        let prefix = QueuePrefix::new();
        let config = BrokerConfig {
            url: prefix.broker_url().parse().unwrap(),
            queue_prefix: prefix.as_str().to_owned(),
            ..BrokerConfig::default()
        };
        premise_broker::declare(&config).await.unwrap();
        let publisher = Publisher::start(&config, "test");
        publisher.readiness().ready().await;
        let sql = database.connect().await;
        Self { publisher, sql, database, prefix }
    }

    pub(crate) fn store(&self) -> premise_store::Store {
        premise_store::Store::connect(self.database.url(), 2).unwrap()
    }

    pub(crate) fn worker(&self) -> ServiceCommand {
        ServiceCommand::new("sync-worker")
            .env("PREMISE__DATABASE__URL", self.database.url())
            .env("PREMISE__BROKER__URL", self.prefix.broker_url())
            .env("PREMISE__BROKER__QUEUE_PREFIX", self.prefix.as_str())
            .env("PREMISE__ADMIN__BIND", "127.0.0.1:0")
    }

    pub(crate) fn envelope(body: &Value) -> String {
        let body = body.to_string();
        let envelope = Envelope {
            delivery_id: Uuid::now_v7(),
            received_at: Utc::now(),
            idempotency_key: idempotency_key(body.as_bytes()),
            key_id: "current".into(),
            remote_addr: "127.0.0.1".into(),
            traceparent: None,
            body,
        };
        serde_json::to_string(&envelope).unwrap()
    }

    pub(crate) async fn publish(&self, body: &Value) {
        self.publish_raw(&Self::envelope(body)).await;
    }

    pub(crate) async fn publish_raw(&self, text: &str) {
        let message = Outgoing::json(Route::to(WorkQueue::Webhooks), text.to_owned());
        self.publisher.publish(message).await.unwrap();
    }

    pub(crate) async fn publish_many(&self, bodies: impl Iterator<Item = Value>) {
        stream::iter(bodies).for_each_concurrent(64, async |body| self.publish(&body).await).await;
    }

    pub(crate) async fn number(&self, statement: &str) -> i64 {
        self.sql.query_one(statement, &[]).await.unwrap().get(0)
    }

    pub(crate) async fn text(&self, statement: &str) -> String {
        self.sql.query_one(statement, &[]).await.unwrap().get(0)
    }

    pub(crate) async fn until(&self, statement: &str, number: i64) {
        let what = format!("{statement} = {number}");
        wait_until(SOON, &what, async || self.number(statement).await == number).await;
    }

    pub(crate) async fn until_at_least(&self, statement: &str, number: i64) {
        let what = format!("{statement} >= {number}");
        wait_until(SOON, &what, async || self.number(statement).await >= number).await;
    }

    /// Takes the register away until the returned work is done.
    pub(crate) async fn without_postgres(&mut self, work: impl AsyncFnOnce(&Self)) {
        self.database.shut().await;
        work(self).await;
        self.database.open().await;
        self.sql = self.database.connect().await;
    }

    /// No delivery waits for a further attempt: none was spent.
    pub(crate) async fn assert_none_waits(&self) {
        for queue in ["premise.webhooks.v1.wait.2s", "premise.webhooks.v1.wait.4s", "premise.webhooks.v1.dlq"]
        {
            assert_eq!(self.prefix.ready_messages(queue).await, 0, "{queue}");
        }
    }

    /// Nothing waits, is unacknowledged or was given up, once the consumers are gone or idle.
    pub(crate) async fn assert_queues_empty(&self) {
        for queue in ["premise.webhooks.v1", "premise.webhooks.v1.wait.2s", "premise.webhooks.v1.dlq"] {
            assert_eq!(self.prefix.ready_messages(queue).await, 0, "{queue}");
        }
    }
}

/// A metric of a worker, as its admin listener tells it; none before the worker serves.
pub(crate) async fn metric(worker: &ServiceProcess, name: &str) -> Option<String> {
    let output = worker.output();
    let mut events = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let serving = events.find(|event| event["admin"].is_string())?;
    let url = format!("http://{}/metrics", serving["admin"].as_str()?);
    let text = reqwest::get(url).await.ok()?.text().await.ok()?;
    let line =
        text.lines().find(|line| line.split_once(' ').is_some_and(|(named, _)| named.starts_with(name)))?;
    line.rsplit(' ').next().map(str::to_owned)
}

/// Seconds after a fixed moment in the recent past.
pub(crate) fn stamp(second: i64) -> String {
    let day = Utc::now() - TimeDelta::hours(1);
    let at: DateTime<Utc> = DateTime::from_timestamp(day.timestamp() + second, 0).unwrap();
    at.to_rfc3339()
}

pub(crate) fn updated(id: i64, second: i64, name: &str) -> Value {
    json!({"action": "updated", "timestamp": stamp(second), "data": {"premiseid": id, "premisename": name}})
}

pub(crate) fn deleted(id: i64, second: i64) -> Value {
    json!({"action": "deleted", "timestamp": stamp(second), "data": {"premiseid": id}})
}
