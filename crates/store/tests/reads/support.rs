//! A migrated database and short ways to fill it.

use chrono::{DateTime, NaiveDate, Utc};
use premise_domain::{PremiseId, observation::Observation, webhook::WebhookEvent};
use premise_store::{
    Connection, Store, WebhookItem, WebhookOutcome,
    reads::{
        premise_filter::PremiseFilter,
        premises::{self, PremisePage},
    },
};
use premise_testkit::TestDatabase;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) struct Register {
    pub(crate) store: Store,
    pub(crate) sql: tokio_postgres::Client,
    /// Dropped last.
    _database: TestDatabase,
}

impl Register {
    pub(crate) async fn empty() -> Self {
        let database = TestDatabase::create().await;
        premise_store::migrate(database.url()).await.unwrap();
        let store = Store::connect(database.url(), 2).unwrap();
        let sql = database.connect().await;
        Self { store, sql, _database: database }
    }

    /// A register of these premises, each said at `T0`.
    pub(crate) async fn of(premises: &[Value]) -> Self {
        let register = Self::empty().await;
        for data in premises {
            assert_eq!(register.say("created", T0, data).await, WebhookOutcome::Created);
        }
        register
    }

    pub(crate) async fn connection(&self) -> Connection {
        self.store.connection().await.unwrap()
    }

    /// A webhook, applied.
    pub(crate) async fn say(&self, action: &str, timestamp: &str, data: &Value) -> WebhookOutcome {
        let body = json!({"action": action, "timestamp": timestamp, "data": data}).to_string();
        let event = WebhookEvent::parse(&body).unwrap();
        let (received_at, delivery_id) = (at("2026-11-01T00:00:00Z"), Uuid::now_v7());
        let mut idempotency_key = [0; 32];
        idempotency_key[..16].copy_from_slice(delivery_id.as_bytes());
        let item = WebhookItem {
            idempotency_key,
            delivery_id,
            webhook_id: None,
            action: event.action,
            received_at,
            observation: Observation::of_event(event, received_at, delivery_id).unwrap(),
        };
        self.store.apply_webhooks(&[item]).await.unwrap()[0]
    }

    pub(crate) async fn run_sql(&self, statements: &str) {
        self.sql.batch_execute(statements).await.unwrap();
    }

    pub(crate) async fn page(&self, filter: &PremiseFilter, page: u32, limit: u32) -> PremisePage {
        premises::list(&mut *self.connection().await, filter, page, limit).await.unwrap()
    }

    /// Ids of all that match, in order; checks the total, too.
    pub(crate) async fn ids(&self, filter: &PremiseFilter) -> Vec<i64> {
        let page = self.page(filter, 1, 200).await;
        let ids: Vec<i64> = page.premises.iter().map(|row| row.premise_id.get()).collect();
        assert_eq!(page.total, i64::try_from(ids.len()).unwrap());
        assert!(!page.total_is_limit);
        ids
    }
}

pub(crate) const T0: &str = "2026-01-01T00:00:00Z";

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 24).unwrap()
}

pub(crate) fn id(number: i64) -> PremiseId {
    PremiseId::try_from(number).unwrap()
}

pub(crate) fn named(id: i64, name: &str) -> Value {
    json!({"premiseid": id, "premisename": name})
}

/// A filter with one thing set.
pub(crate) fn filter(set: impl FnOnce(&mut PremiseFilter)) -> PremiseFilter {
    let mut filter = PremiseFilter::on(today());
    set(&mut filter);
    filter
}
