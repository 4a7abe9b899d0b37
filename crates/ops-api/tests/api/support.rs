//! The service on free ports with a database and queues of its own, and short ways to ask it.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::time::Duration;

use chrono::Utc;
use premise_domain::observation::Observation;
use premise_domain::signature::idempotency_key;
use premise_domain::webhook::WebhookEvent;
use premise_runtime::{Listeners, Process, Running, Settings, install_ring, registry};
use premise_store::{Store, WebhookItem};
use premise_testkit::{QueuePrefix, TestDatabase, wait_until};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use uuid::Uuid;

pub(crate) const BASE: &str = "/api/master-data/premises";

/// A running service.
pub(crate) struct Served {
    pub(crate) running: Running,
    pub(crate) store: Store,
    pub(crate) database: TestDatabase,
    pub(crate) prefix: QueuePrefix,
    http: reqwest::Client,
}

/// An answer with its body read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Status and problem code.
    pub(crate) fn problem(&self) -> (u16, &str) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.body);
        assert_eq!(self.body["status"], self.status.as_u16());
        (self.status.as_u16(), self.body["code"].as_str().unwrap())
    }
}

impl Served {
    /// With a migrated database, everything reachable, no token needed.
    pub(crate) async fn start() -> Self {
        Self::start_with("", |_, _| {}).await
    }

    /// With further settings, and a last look at the settings' text before it starts.
    pub(crate) async fn start_with(more: &str, change: impl FnOnce(&mut String, &mut String)) -> Self {
        install_ring();
        let database = TestDatabase::create().await;
        premise_store::migrate(database.url()).await.unwrap();
        let prefix = QueuePrefix::new();
        let (mut database_url, mut broker_url) = (database.url().to_owned(), prefix.broker_url().to_owned());
        change(&mut database_url, &mut broker_url);
        let toml = format!(
            "[database]\nurl = '{database_url}'\n[broker]\nurl = '{broker_url}'\nqueue_prefix = '{}'\n{more}",
            prefix.as_str()
        );
        let registry = registry("test").unwrap();
        let service = ops_api::build(&mut Settings::from_toml(&toml).unwrap(), &registry).await.unwrap();
        let process = Process::new(vec![service], registry).workers(1);
        let running = process.start(Listeners::loopback().unwrap()).unwrap();
        let store = Store::connect(database.url(), 2).unwrap();
        Self { running, store, database, prefix, http: reqwest::Client::new() }
    }

    /// Waits until `/readyz` says so.
    pub(crate) async fn ready(self) -> Self {
        let url = format!("http://{}/readyz", self.running.admin_addr());
        let ready = async || self.http.get(&url).send().await.is_ok_and(|answer| answer.status() == 200);
        wait_until(Duration::from_secs(10), "readiness", ready).await;
        self
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let address = self.running.public_addr().unwrap();
        self.http.request(method, format!("http://{address}{BASE}{path}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        answer(self.request(Method::POST, path)).await
    }

    /// Posts until the broker connection stands; each try before that leaves a failed run.
    pub(crate) async fn start_run(&self, path: &str) -> Answer {
        premise_testkit::wait_for(Duration::from_secs(10), "the broker", async || {
            let started = self.post(path).await;
            (started.status != 503).then_some(started)
        })
        .await
    }

    /// Applies what PPB says in a webhook.
    pub(crate) async fn webhook(&self, body: &Value) {
        let body = body.to_string();
        let event = WebhookEvent::parse(&body).unwrap();
        let (delivery_id, received_at) = (Uuid::new_v4(), Utc::now());
        let mut key = [0; 32];
        for (at, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&idempotency_key(body.as_bytes())[2 * at..2 * at + 2], 16).unwrap();
        }
        let item = WebhookItem {
            action: event.action,
            webhook_id: event.webhook_id.clone(),
            observation: Observation::of_event(event, received_at, delivery_id).unwrap(),
            idempotency_key: key,
            delivery_id,
            received_at,
        };
        self.store.apply_webhooks(&[item]).await.unwrap();
    }

    /// Registers a premise.
    pub(crate) async fn premise(&self, id: i64, name: &str, county: &str, valid_through: &str) {
        let data = serde_json::json!({
            "premiseid": id, "premisename": name, "county": county, "businesstype": "RETAIL",
            "superintendentname": "KIPLAGAT K AMON", "superintendentcadre": "PHARMTECH", "licensevalidity": valid_through,
        });
        self.webhook(&serde_json::json!({ "action": "created", "data": data })).await;
    }

    /// The newest run.
    pub(crate) async fn run_id(&self) -> Uuid {
        let listed = self.get("/sync-runs?limit=1").await.body;
        listed["runs"][0]["runId"].as_str().unwrap().parse().unwrap()
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}
