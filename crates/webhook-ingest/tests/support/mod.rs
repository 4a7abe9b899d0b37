//! What the ingest's tests share: the real service on a free port, on queues of its own, and a signer.
#![expect(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "helpers of tests: each test binary includes this and uses its own part"
)]

#[path = "../../../broker/tests/support/proxy.rs"]
pub mod proxy;
pub mod queue;

use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta, Utc};
use premise_broker::BrokerConfig;
use premise_domain::signature::{SIGNATURE_HEADER, SigningKey};
use premise_runtime::{Listeners, Process, Running, Settings};
use premise_testkit::{QueuePrefix, wait_until};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

/// Long enough for a busy two-core machine, short enough to fail a test.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const SECRET: &str = "a secret of the tests";

/// A running ingest.
pub struct Ingest {
    running: Running,
    pub prefix: QueuePrefix,
    pub client: Client,
}

impl Ingest {
    /// With defaults but for the secret.
    pub async fn new() -> Self {
        Self::with("").await
    }

    /// With further lines of TOML for the section `webhook`, or further sections.
    pub async fn with(webhook: &str) -> Self {
        let prefix = QueuePrefix::new();
        let url = prefix.broker_url().to_owned();
        Self::start(prefix, &url, webhook, "").await
    }

    /// On the broker at `url`.
    pub async fn start(prefix: QueuePrefix, url: &str, webhook: &str, broker: &str) -> Self {
        Self::start_keyed(prefix, url, &format!("secret = '{SECRET}'\n{webhook}"), broker).await
    }

    /// With the whole section `webhook`, its secret too.
    pub async fn start_keyed(prefix: QueuePrefix, url: &str, webhook: &str, broker: &str) -> Self {
        let toml = format!(
            "[broker]\nurl = '{url}'\nqueue_prefix = '{}'\n{broker}\n[webhook]\n{webhook}",
            prefix.as_str()
        );
        let mut settings = Settings::from_toml(&toml).unwrap();
        let registry = premise_runtime::registry("test").unwrap();
        let service = webhook_ingest::build(&mut settings, &registry).await.unwrap();
        let process = Process::new(vec![service], registry).workers(2).drain(Duration::from_secs(10));
        let running = process.start(Listeners::loopback().unwrap()).unwrap();
        premise_runtime::install_ring();
        let ingest = Self { running, prefix, client: Client::new() };
        ingest.wait_for_readiness(true).await;
        ingest
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.running.public_addr().unwrap()
    }

    pub fn url(&self) -> String {
        format!("http://{}{}", self.address(), webhook_ingest::PATH)
    }

    pub async fn is_ready(&self) -> bool {
        let url = format!("http://{}/readyz", self.running.admin_addr());
        self.client.get(url).send().await.unwrap().status() == 200
    }

    pub async fn wait_for_readiness(&self, ready: bool) {
        wait_until(PATIENCE, "readiness", async || self.is_ready().await == ready).await;
    }

    /// The value of one line of `/metrics`.
    pub async fn metric(&self, line: &str) -> i64 {
        let url = format!("http://{}/metrics", self.running.admin_addr());
        let text = self.client.get(url).send().await.unwrap().text().await.unwrap();
        let found = text.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {line} in {text}")).parse().unwrap()
    }

    /// A request with a body, without a signature.
    pub fn post(&self, body: impl Into<String>) -> RequestBuilder {
        self.client.post(self.url()).header("content-type", "application/json").body(body.into())
    }

    /// A request with a body and its signature.
    pub fn signed(&self, body: &str) -> RequestBuilder {
        self.post(body).header(SIGNATURE_HEADER, sign(SECRET, body))
    }

    pub async fn send(&self, body: &str) -> Answer {
        Answer::of(self.signed(body).send().await.unwrap()).await
    }

    pub fn broker(&self) -> BrokerConfig {
        BrokerConfig {
            url: self.prefix.broker_url().parse().unwrap(),
            queue_prefix: self.prefix.as_str().to_owned(),
            ..BrokerConfig::default()
        }
    }

    /// Drains the process; fails when the drain was cut short.
    pub async fn stop(self) -> QueuePrefix {
        self.running.stop().await.unwrap();
        self.prefix
    }

    pub fn drain(&self) {
        self.running.drain();
    }
}

/// The parts of an answer that tests look at.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<u32>,
    pub content_type: String,
    pub body: Value,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Self {
            status: response.status().as_u16(),
            retry_after: header("retry-after").map(|seconds| seconds.parse().unwrap()),
            content_type: header("content-type").unwrap_or_default(),
            body: serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default(),
        }
    }

    /// Status and code of a problem.
    pub fn problem(&self) -> (u16, &str) {
        assert_eq!(self.content_type, "application/problem+json", "{self:?}");
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }
}

pub fn sign(secret: &str, body: &str) -> String {
    SigningKey::new("test", secret.as_bytes()).unwrap().sign(body.as_bytes())
}

/// An event about a premise, stated `ago` before now.
pub fn event(premise_id: u32, ago: TimeDelta) -> String {
    let timestamp = (Utc::now() - ago).to_rfc3339_opts(SecondsFormat::Millis, true);
    format!(
        r#"{{"action":"updated","timestamp":"{timestamp}","webhookId":"w-{premise_id}","data":{{"premiseid":{premise_id},"premisename":"LIBWOB CHEMIST"}}}}"#
    )
}
