//! A migrated database and short ways to say what PPB says.

use chrono::{DateTime, TimeDelta, Utc};
use premise_domain::{
    catalogue::read_row,
    observation::Observation,
    signature::idempotency_key,
    source_time,
    sync_run::{Mode, RunStatus},
    webhook::WebhookEvent,
};
use premise_store::{
    Answer, Applied, Policy, Stage, Store, StoreError, WebhookItem,
    runs::{self, NewRun, Queued},
};
use premise_testkit::{SqlClient, TestDatabase};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) struct Register {
    pub(crate) store: Store,
    pub(crate) sql: SqlClient,
    /// Dropped last.
    database: TestDatabase,
}

pub(crate) const LAG: TimeDelta = TimeDelta::minutes(15);

impl Register {
    pub(crate) async fn empty() -> Self {
        let database = TestDatabase::create().await;
        premise_store::migrate(database.url()).await.unwrap();
        let store = Store::connect(database.url(), 8).unwrap();
        let sql = database.connect().await;
        Self { store, sql, database }
    }

    /// For transactions of the test's own.
    pub(crate) async fn another_connection(&self) -> SqlClient {
        self.database.connect().await
    }

    pub(crate) async fn number(&self, statement: &str) -> i64 {
        self.sql.query_one(statement, &[]).await.unwrap().get(0)
    }

    pub(crate) async fn name(&self, id: i64) -> Option<String> {
        let rows = self.sql.query("SELECT name FROM premises WHERE premise_id = $1", &[&id]).await.unwrap();
        rows.first().and_then(|row| row.get(0))
    }

    /// Queues and claims a run.
    pub(crate) async fn running(&self, mode: Mode) -> Uuid {
        let mut connection = self.store.connection().await.unwrap();
        let new =
            NewRun { id: Uuid::now_v7(), mode, requested_by: "test".into(), since: None, dry_run: false };
        let Queued::Created(run) = runs::queue(&mut connection, new).await.unwrap() else {
            panic!("a run is in progress")
        };
        assert!(runs::claim(&mut connection, run.id).await.unwrap().is_some());
        run.id
    }

    /// A full pull that answered `rows` at `r`.
    pub(crate) async fn pull(&self, r: &str, rows: &[Value]) -> premise_domain::sync_run::RunCounts {
        self.pull_with(r, rows, &Policy::default()).await.unwrap().counts
    }

    /// A full pull under another policy than the default one.
    pub(crate) async fn pull_with(
        &self,
        r: &str,
        rows: &[Value],
        policy: &Policy,
    ) -> Result<Applied, StoreError> {
        self.stage(rows, r).await.apply(&answer(r, rows.len()), policy).await
    }

    /// An answer of any kind; the run of one that is refused ends as the puller ends it.
    pub(crate) async fn apply(
        &self,
        rows: &[Value],
        r: &str,
        answer: &Answer,
    ) -> Result<Applied, StoreError> {
        self.stage(rows, r).await.apply(answer, &Policy::default()).await
    }

    async fn stage(&self, rows: &[Value], r: &str) -> Stage {
        let mut connection = self.store.connection().await.unwrap();
        if let Some(refused) = runs::in_progress(&mut connection).await.unwrap() {
            runs::end(&mut connection, refused.id, RunStatus::Failed, "refused", "by the test")
                .await
                .unwrap();
        }
        let run_id = self.running(Mode::Full).await;
        let mut stage = self.store.stage(run_id).await.unwrap();
        for row in rows {
            stage.push(&row_observation(row, r, run_id)).await.unwrap();
        }
        stage
    }
}

pub(crate) fn answer(r: &str, fetched: usize) -> Answer {
    Answer {
        channel: premise_domain::observation::Channel::Full,
        reflects_at: at(r),
        source_lag: LAG,
        complete: true,
        fetched: i64::try_from(fetched).unwrap(),
        evidence: json!({}),
        fallback_reason: None,
        watermark: None,
    }
}

pub(crate) fn row_observation(row: &Value, r: &str, run_id: Uuid) -> Observation {
    row_observation_at(row, at(r), LAG, run_id)
}

pub(crate) fn row_observation_at(row: &Value, r: DateTime<Utc>, lag: TimeDelta, run_id: Uuid) -> Observation {
    let raw = row.to_string();
    Observation::of_row(&read_row(&raw).unwrap(), &raw, r, lag, run_id)
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    source_time::parse(text).unwrap().at
}

/// A delivery of this body, received well after everything the tests say.
pub(crate) fn delivery(body: &Value) -> WebhookItem {
    let body = body.to_string();
    let received_at = at("2026-06-30T00:00:00Z");
    let delivery_id = Uuid::now_v7();
    let event = WebhookEvent::parse(&body).unwrap();
    let mut idempotency = [0; 32];
    idempotency.copy_from_slice(&hex_bytes(&idempotency_key(body.as_bytes())));
    WebhookItem {
        idempotency_key: idempotency,
        delivery_id,
        webhook_id: event.webhook_id.clone(),
        action: event.action,
        received_at,
        observation: Observation::of_event(event, received_at, delivery_id).unwrap(),
    }
}

fn hex_bytes(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

pub(crate) fn updated(id: i64, timestamp: &str, name: &str) -> Value {
    json!({"action": "updated", "timestamp": timestamp, "data": {"premiseid": id, "premisename": name}})
}

pub(crate) fn deleted(id: i64, timestamp: &str) -> Value {
    json!({"action": "deleted", "timestamp": timestamp, "data": {"premiseid": id}})
}

pub(crate) fn row(id: i64, name: &str) -> Value {
    json!({"premiseid": id, "premisename": name, "county": "Nairobi", "licensevalidity": "2026-12-31"})
}
