//! The ingest while the broker fails: 503 with `Retry-After` in time, never a 2xx, and then recovery.

mod support;

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use premise_broker::{Topology, WorkQueue, declare, declare_topology, topology};
use premise_testkit::{QueuePrefix, wait_until};
use support::proxy::{Mode, Proxy};
use support::queue::take;
use support::{Answer, Ingest, event};

async fn behind_proxy(webhook: &str) -> (Ingest, Proxy) {
    let prefix = QueuePrefix::new();
    let proxy = Proxy::before(prefix.broker_url()).await;
    let url = proxy.url(prefix.broker_url());
    (Ingest::start(prefix, &url, webhook, "confirm_deadline_ms = 400").await, proxy)
}

fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.problem(), (503, "broker_unavailable"), "{answer:?}");
    assert!(answer.retry_after.is_some_and(|seconds| seconds > 0), "{answer:?}");
}

#[actix_web::test]
async fn a_cut_connection_is_503_at_once_and_recovers_by_itself() {
    let (ingest, proxy) = behind_proxy("").await;
    let body = event(1, TimeDelta::zero());
    proxy.set(Mode::Cut);
    ingest.wait_for_readiness(false).await;
    let asked = Instant::now();
    assert_unavailable(&ingest.send(&body).await);
    assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
    proxy.set(Mode::Pass);
    ingest.wait_for_readiness(true).await;
    assert_eq!(ingest.send(&body).await.status, 202, "a refused body is not taken for a repeat");
    assert_eq!(take(&ingest.broker(), WorkQueue::Webhooks, 1).await.len(), 1);
    ingest.stop().await;
}

#[actix_web::test]
async fn a_stalled_connection_is_503_within_the_deadline() {
    let (ingest, proxy) = behind_proxy("confirm_deadline_ms = 300").await;
    proxy.set(Mode::Stall);
    let body = event(1, TimeDelta::zero());
    let asked = Instant::now();
    let (first, same) = tokio::join!(ingest.send(&body), ingest.send(&body));
    assert!(asked.elapsed() < Duration::from_millis(900), "{:?}", asked.elapsed());
    assert_unavailable(&first);
    assert_unavailable(&same);
    ingest.wait_for_readiness(false).await;
    proxy.set(Mode::Pass);
    ingest.wait_for_readiness(true).await;
    assert_eq!(ingest.send(&body).await.status, 202);
    ingest.stop().await;
}

#[actix_web::test]
async fn a_cut_before_the_confirm_is_503_although_the_broker_has_it() {
    let (ingest, proxy) = behind_proxy("").await;
    let body = event(1, TimeDelta::zero());
    proxy.set(Mode::Mute);
    assert_unavailable(&ingest.send(&body).await);
    proxy.set(Mode::Cut);
    ingest.wait_for_readiness(false).await;
    proxy.set(Mode::Pass);
    ingest.wait_for_readiness(true).await;
    assert_eq!(ingest.send(&body).await.status, 202);
    // Twice in the queue, under one idempotency key: the inbox applies it once.
    let stored = take(&ingest.broker(), WorkQueue::Webhooks, 2).await;
    assert_eq!(stored.len(), 2);
    assert_eq!(stored[0].envelope.idempotency_key, stored[1].envelope.idempotency_key);
    ingest.stop().await;
}

#[actix_web::test]
async fn an_unroutable_webhook_is_503_until_the_binding_is_back() {
    let prefix = QueuePrefix::new();
    let url = prefix.broker_url().to_owned();
    let config = premise_broker::BrokerConfig {
        url: url.parse().unwrap(),
        queue_prefix: prefix.as_str().to_owned(),
        ..premise_broker::BrokerConfig::default()
    };
    let Topology { exchanges, .. } = topology(&config.topology_options());
    let unbound = Topology { exchanges, queues: Vec::new(), bindings: Vec::new() };
    declare_topology(&config, &unbound).await.unwrap();
    let ingest = Ingest::start(prefix, &url, "", "declare = false").await;
    let body = event(1, TimeDelta::zero());
    for _ in 0..3 {
        assert_unavailable(&ingest.send(&body).await);
    }
    declare(&config).await.unwrap();
    assert_eq!(ingest.send(&body).await.status, 202);
    assert_eq!(take(&config, WorkQueue::Webhooks, 1).await.len(), 1);
    ingest.stop().await;
}

#[actix_web::test]
async fn overload_is_shed_and_not_queued() {
    let (ingest, proxy) = behind_proxy("max_in_flight = 1\nconfirm_deadline_ms = 2000").await;
    proxy.set(Mode::Mute);
    let (first, second) = (event(1, TimeDelta::zero()), event(2, TimeDelta::zero()));
    let shed = async {
        wait_until(support::PATIENCE, "the first is in flight", async || {
            ingest.metric("premise_webhook_in_flight").await > 0
        })
        .await;
        let asked = Instant::now();
        let answer = ingest.send(&second).await;
        assert_eq!(answer.problem(), (503, "overloaded"), "{answer:?}");
        assert_eq!(answer.retry_after, Some(1));
        assert!(asked.elapsed() < Duration::from_millis(300), "{:?}", asked.elapsed());
    };
    let (held, ()) = tokio::join!(ingest.send(&first), shed);
    assert_unavailable(&held);
    proxy.set(Mode::Cut);
    ingest.wait_for_readiness(false).await;
    proxy.set(Mode::Pass);
    ingest.wait_for_readiness(true).await;
    assert_eq!(ingest.send(&second).await.status, 202, "the permit came back");
    ingest.stop().await;
}

#[actix_web::test]
async fn a_drain_answers_what_is_in_hand() {
    let ingest = Ingest::new().await;
    let bodies: Vec<String> = (1..=200).map(|n| event(n, TimeDelta::zero())).collect();
    let requests = futures_util::future::join_all(bodies.iter().map(|body| ingest.signed(body).send()));
    let drain = async {
        wait_until(support::PATIENCE, "some are accepted", async || {
            ingest.metric("premise_webhook_requests_total{verdict=\"accepted\"}").await > 0
        })
        .await;
        ingest.drain();
    };
    let (answers, ()) = tokio::join!(requests, drain);
    let config = ingest.broker();
    let mut accepted = 0;
    for answer in answers {
        match answer {
            Ok(response) => {
                assert_eq!(response.status(), 202);
                accepted += 1;
            }
            // The listener had stopped accepting.
            Err(error) => assert!(error.is_connect() || error.is_request(), "{error}"),
        }
    }
    let prefix = ingest.stop().await;
    let stored = take(&config, WorkQueue::Webhooks, accepted).await;
    assert!(stored.len() >= accepted, "{} stored, {accepted} accepted", stored.len());
    drop(prefix);
}
