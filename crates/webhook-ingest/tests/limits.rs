//! Floods and quotas: who is told to come back later, and who is not.

mod support;

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::future::join_all;
use premise_broker::WorkQueue;
use premise_domain::signature::SIGNATURE_HEADER;
use premise_testkit::wait_until;
use support::queue::take;
use support::{Answer, Ingest, SECRET, event, sign};

/// Webhooks of the real sender during the flood.
const REAL: u32 = 300;

/// Requests of each flood that are under way at once.
const WIDTH: usize = 16;

#[derive(Debug, Default)]
struct Told {
    unauthorized: usize,
    forbidden: usize,
    limited: usize,
}

impl Told {
    fn note(&mut self, answer: &Answer) {
        match answer.problem() {
            (401, "signature_invalid") => self.unauthorized += 1,
            (403, "address_forbidden") => self.forbidden += 1,
            (429, "address_rate_limited") => {
                assert!(answer.retry_after.is_some_and(|seconds| seconds >= 1), "{answer:?}");
                self.limited += 1;
            }
            other => panic!("{other:?} is no answer to a forger"),
        }
    }

    fn sum(&self) -> usize {
        self.unauthorized + self.forbidden + self.limited
    }
}

/// Sends forged requests as fast as they are answered, until the real sender is done.
async fn flood(ingest: &Ingest, forwarded: &str, done: &std::cell::Cell<bool>) -> Told {
    let mut told = Told::default();
    let body = event(1, TimeDelta::zero());
    let forged = sign("a guess", &body);
    while !done.get() {
        let send = || async {
            let request = ingest.post(&*body).header(SIGNATURE_HEADER, &forged);
            Answer::of(request.header("x-forwarded-for", forwarded).send().await.expect("an answer")).await
        };
        join_all((0..WIDTH).map(|_| send())).await.iter().for_each(|answer| told.note(answer));
    }
    told
}

/// The real sender, from the flood's own address: every webhook must be accepted.
async fn real(ingest: &Ingest, done: &std::cell::Cell<bool>) -> Duration {
    let mut slowest = Duration::ZERO;
    for n in 1..=REAL {
        let asked = Instant::now();
        let request = ingest.signed(&event(n, TimeDelta::zero())).header("x-forwarded-for", "198.51.100.7");
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        assert_eq!(answer.status, 202, "webhook {n}: {answer:?}");
        slowest = slowest.max(asked.elapsed());
    }
    done.set(true);
    slowest
}

#[actix_web::test]
async fn floods_from_the_allowed_and_a_foreign_address_refuse_no_real_webhook() {
    let ingest = Ingest::with(
        "allow = ['198.51.100.0/24']\ntrusted_proxies = ['127.0.0.1']\n\
         failures_per_second = 1\nfailures_burst = 20",
    )
    .await;
    let done = std::cell::Cell::new(false);
    let (slowest, own, foreign) = tokio::join!(
        real(&ingest, &done),
        flood(&ingest, "198.51.100.7", &done),
        flood(&ingest, "203.0.113.5", &done),
    );
    println!("real sender: {REAL} of {REAL} accepted, slowest {slowest:?}");
    println!("forged from the sender's own address: {} requests, {own:?}", own.sum());
    println!("forged from a foreign address: {} requests, {foreign:?}", foreign.sum());
    assert_eq!(foreign.forbidden, foreign.sum());
    assert!(own.limited > own.unauthorized && own.unauthorized >= 20, "{own:?}");
    let stored = take(&ingest.broker(), WorkQueue::Webhooks, REAL as usize).await;
    assert_eq!(stored.len(), REAL as usize);
    ingest.stop().await;
}

#[actix_web::test]
async fn a_spent_address_is_told_before_its_body_and_recovers() {
    let ingest = Ingest::with("failures_per_second = 1\nfailures_burst = 2").await;
    let body = event(1, TimeDelta::zero());
    let unsigned = || async { Answer::of(ingest.post(&*body).send().await.unwrap()).await };
    for _ in 0..2 {
        assert_eq!(unsigned().await.problem(), (401, "signature_missing"));
    }
    let limited = unsigned().await;
    assert_eq!(limited.problem(), (429, "address_rate_limited"), "{limited:?}");
    assert_eq!(limited.retry_after, Some(1));
    assert_eq!(ingest.send(&body).await.status, 202, "a valid signature passes");
    assert_eq!(ingest.metric("premise_webhook_requests_total{verdict=\"address_rate_limited\"}").await, 1);
    wait_until(support::PATIENCE, "the budget is back", async || unsigned().await.status == 401).await;
    ingest.stop().await;
}

#[actix_web::test]
async fn only_new_and_valid_webhooks_spend_the_senders_quota() {
    let ingest = Ingest::with(
        "sender_per_second = 1\nsender_burst = 3\nprevious_secret = 'old'\nprevious_secret_id = 'old'",
    )
    .await;
    let body = event(1, TimeDelta::zero());
    assert_eq!(ingest.send(&body).await.status, 202);
    for _ in 0..20 {
        assert_eq!(ingest.send(&body).await.status, 200, "a repeat is free");
        assert_eq!(ingest.send(&event(9, TimeDelta::days(2))).await.problem(), (401, "timestamp_stale"));
        let forged = ingest.post(&*body).header(SIGNATURE_HEADER, sign("a guess", &body));
        assert_eq!(Answer::of(forged.send().await.unwrap()).await.problem(), (401, "signature_invalid"));
    }
    let mut told = Vec::new();
    for n in 2..=5 {
        told.push((n, ingest.send(&event(n, TimeDelta::zero())).await));
    }
    let accepted = told.iter().filter(|(_, answer)| answer.status == 202).count();
    // Three at once; a slow machine may earn another one meanwhile.
    assert!((2..=3).contains(&accepted), "{told:?}");
    for (n, refused) in told.iter().filter(|(_, answer)| answer.status != 202) {
        assert_eq!((refused.problem(), refused.retry_after), ((429, "rate_limited"), Some(1)), "{n}");
    }
    let other = event(6, TimeDelta::zero());
    let by_other = ingest.post(&*other).header(SIGNATURE_HEADER, sign("old", &other));
    assert_eq!(by_other.send().await.unwrap().status(), 202, "another secret has a quota of its own");
    assert_ne!(sign(SECRET, &other), sign("old", &other));
    ingest.stop().await;
}
