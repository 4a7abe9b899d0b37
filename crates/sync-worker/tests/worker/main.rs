//! The worker as a real process between a real broker and a real register.

#![expect(clippy::unwrap_used, reason = "a test fails where it expected something else")]

mod replays;
mod support;

use std::time::Duration;

use premise_testkit::wait_until;
use serde_json::json;
use support::{Site, deleted, updated};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn applies_what_the_broker_delivers_and_leaves_nothing_queued() {
    let site = Site::new().await;
    let mut worker = site.worker().spawn().await;
    site.publish(&updated(1, 1, "A")).await;
    site.publish(&updated(1, 3, "C")).await;
    site.publish(&updated(1, 2, "B")).await;
    site.publish(&deleted(2, 1)).await;
    site.until("SELECT count(*) FROM inbox", 4).await;
    assert_eq!(site.text("SELECT name FROM premises WHERE premise_id = 1").await, "C");
    assert_eq!(site.number("SELECT count(*) FROM premises WHERE is_tombstone").await, 1);
    assert_eq!(worker.terminate(SOON).await.code(), Some(0), "{}", worker.output());
    site.assert_queues_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_message_becomes_a_dead_letter_and_harms_no_other() {
    let site = Site::new().await;
    let _worker = site.worker().spawn().await;
    site.publish_raw("nonsense").await;
    site.publish(&json!({"action": "updated", "data": {"premiseid": 0}})).await;
    site.publish(
        &json!({"action": "updated", "timestamp": support::stamp(1), "data": {"premiseid": 9, "ward": "X"}}),
    )
    .await;
    site.publish(&updated(1, 1, "A")).await;
    site.until("SELECT count(*) FROM dead_letters WHERE status = 'open'", 3).await;
    site.until("SELECT count(*) FROM inbox", 1).await;
    let reasons = site.text("SELECT string_agg(reason, ' ' ORDER BY reason) FROM dead_letters").await;
    assert_eq!(reasons, "incomplete invalid malformed_envelope");
    assert_eq!(site.number("SELECT count(*) FROM dead_letters WHERE attempts = 1").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_it_waits_and_spends_no_attempt() {
    let mut site = Site::new().await;
    let worker = site.worker().spawn().await;
    site.publish(&updated(1, 1, "A")).await;
    site.until("SELECT count(*) FROM inbox", 1).await;
    site.without_postgres(async |site| {
        for n in 2..=50 {
            site.publish(&updated(n, 1, "A")).await;
        }
        let noticed = async || worker.output().contains("Postgres is not available");
        wait_until(SOON, "the worker notices", noticed).await;
        site.assert_none_waits().await;
    })
    .await;
    site.until("SELECT count(*) FROM inbox", 50).await;
    assert_eq!(site.number("SELECT count(*) FROM dead_letters").await, 0);
    site.assert_queues_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_applies_each_delivery_once() {
    const EVENTS: i64 = 3_000;
    let site = Site::new().await;
    let mut worker = site.worker().spawn().await;
    let publishing = site.publish_many((1..=EVENTS).map(|id| updated(id, 1, "A")));
    let killing = async {
        for kill in 1..=5 {
            site.until_at_least("SELECT count(*) FROM inbox", kill * EVENTS / 8).await;
            worker.restart().await;
        }
    };
    tokio::join!(publishing, killing);
    site.until("SELECT count(*) FROM inbox", EVENTS).await;
    assert_eq!(site.number("SELECT count(*) FROM premises").await, EVENTS);
    assert_eq!(site.number("SELECT count(*) FROM premise_changes").await, EVENTS);
    assert_eq!(site.number("SELECT count(*) FROM dead_letters").await, 0);
    site.assert_queues_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_events_and_naive_timestamps_are_counted_once() {
    let site = Site::new().await;
    let worker = site.worker().spawn().await;
    let partial = updated(1, 1, "A");
    site.publish(&partial).await;
    site.until("SELECT count(*) FROM inbox", 1).await;
    site.publish(&partial).await;
    site.publish(&json!({"action": "deleted", "timestamp": "2025-12-31T10:00:00", "data": {"premiseid": 2}}))
        .await;
    site.until("SELECT coalesce(sum(1 + repeats), 0)::bigint FROM inbox", 3).await;
    for metric in ["premise_partial_events_total", "premise_naive_timestamps_total"] {
        let counted = async || support::metric(&worker, metric).await.as_deref() == Some("1");
        wait_until(SOON, metric, counted).await;
    }
    let repeats = "premise_events_total{outcome=\"duplicate\"}";
    let counted = async || support::metric(&worker, repeats).await.as_deref() == Some("1");
    wait_until(SOON, repeats, counted).await;
    assert_eq!(support::metric(&worker, "premise_partial_events_total").await.as_deref(), Some("1"));
}

/// The effect is committed, the acknowledgement never arrives: the broker delivers again.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_repeated_after_its_commit_changes_nothing() {
    let site = Site::new().await;
    let _worker = site.worker().spawn().await;
    let envelope = Site::envelope(&updated(1, 1, "A"));
    site.publish_raw(&envelope).await;
    site.until("SELECT count(*) FROM inbox", 1).await;
    site.publish_raw(&envelope).await;
    site.publish(&updated(2, 1, "B")).await;
    site.until("SELECT count(*) FROM inbox", 2).await;
    assert_eq!(site.number("SELECT count(*) FROM premise_changes").await, 2);
    assert_eq!(site.number("SELECT sum(repeats) FROM inbox").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lacks_its_schema_is_waited_for_and_harms_no_delivery() {
    let site = Site::without_schema().await;
    let worker = site.worker().spawn().await;
    site.publish(&updated(1, 1, "A")).await;
    wait_until(SOON, "the worker says why", async || worker.output().contains("premise-sync migrate")).await;
    site.migrate().await;
    site.until("SELECT count(*) FROM inbox", 1).await;
    assert_eq!(site.number("SELECT count(*) FROM dead_letters").await, 0);
}
