//! Replays of dead letters by the real worker, killed in the middle.

use std::time::Duration;

use chrono::Utc;
use premise_domain::{envelope::Envelope, webhook::WebhookEvent};
use premise_store::{
    DeadLetterItem, Store,
    audit_reason::AuditReason,
    reads::dead_letters::DeadLetterFilter,
    replays::{NewReplay, Replay, Selection, Steer},
};
use premise_testkit::wait_for;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Site, stamp, updated};

const SOON: Duration = Duration::from_secs(30);

/// Keeps a dead letter for each body.
async fn bury(store: &Store, bodies: &[Value]) {
    let letter = |body: &Value| {
        let envelope = Site::envelope(body);
        let read: Envelope = serde_json::from_str(&envelope).unwrap();
        let event = WebhookEvent::parse(&read.body).ok();
        DeadLetterItem {
            delivery_id: read.delivery_id,
            reason: "attempts_exhausted".into(),
            detail: String::new(),
            attempts: 3,
            action: event.as_ref().map(|event| event.action),
            premise_id: event.as_ref().map(|event| event.premise_id),
            webhook_id: None,
            received_at: Utc::now(),
            first_failed_at: Utc::now(),
            envelope,
        }
    };
    let letters: Vec<DeadLetterItem> = bodies.iter().map(letter).collect();
    store.keep_dead_letters(&letters).await.unwrap();
}

async fn begin(store: &Store, dry_run: bool, rate_per_second: i32) -> Replay {
    let new = NewReplay {
        id: Uuid::now_v7(),
        selection: Selection::Filter(DeadLetterFilter::default()),
        dry_run,
        rate_per_second,
        requested_by: "operator:test".into(),
        reason: AuditReason::new("the fault is mended").unwrap(),
    };
    store.begin_replay(&new).await.unwrap()
}

async fn ended(store: &Store, id: Uuid) -> Replay {
    wait_for(SOON, "the end of the replay", async || {
        store.find_replay(id).await.unwrap().filter(|replay| replay.status == "done")
    })
    .await
}

/// 400 new premises, each said twice (of these, 40 in the wrong order), 30 that a newer statement holds
/// back, 20 repeats of one body, 10 that are still no event.
fn letters() -> Vec<Value> {
    let mut bodies = Vec::new();
    for id in 1..=400 {
        let (first, second) = if id <= 40 { (20, 10) } else { (10, 20) };
        bodies.push(updated(id, first, "A"));
        bodies.push(updated(id, second, "B"));
    }
    bodies.extend((1_001..=1_030).map(|id| updated(id, 1, "OLD")));
    bodies.extend(std::iter::repeat_n(updated(2_000, 1, "SAME"), 20));
    bodies.extend((0..10).map(|n| json!({"action": "updated", "data": {"premiseid": 0, "ward": n}})));
    bodies
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replay_goes_on_and_does_what_its_dry_run_said() {
    let site = Site::new().await;
    let store = site.store();
    let mut worker = site.worker().spawn().await;
    for id in 1_001..=1_030 {
        site.publish(&updated(id, 600, "NEW")).await;
    }
    site.until("SELECT count(*) FROM inbox", 30).await;
    bury(&store, &letters()).await;
    let dry = begin(&store, true, 1_000).await;
    assert_eq!(dry.total, 860);
    let dry = ended(&store, dry.id).await;
    assert_eq!(site.number("SELECT count(*) FROM premises").await, 30, "a dry run changed the register");
    assert_eq!(site.number("SELECT count(*) FROM dead_letters WHERE status = 'open'").await, 860);

    let real = begin(&store, false, 300).await;
    let judged = "SELECT count(*) FROM replay_items i JOIN replay_jobs j ON j.id = i.job_id
        WHERE NOT j.dry_run AND i.verdict IS NOT NULL";
    site.until_at_least(judged, 100).await;
    worker.kill().await;
    let done = site.number(judged).await;
    assert!(done < 860, "it was killed too late: {done}");
    worker.restart().await;
    let real = ended(&store, real.id).await;
    assert_eq!(real.counts, dry.counts);
    let expected = [("apply", 761), ("duplicate", 19), ("stale", 70), ("invalid", 10)];
    assert_eq!(real.counts, expected.into_iter().map(|(word, n)| (word.to_owned(), n)).collect());
    assert_eq!(site.number("SELECT count(*) FROM dead_letters WHERE status = 'replayed'").await, 850);
    let wrong = "SELECT count(*) FROM premises WHERE premise_id <= 400 AND name <>
        CASE WHEN premise_id <= 40 THEN 'A' ELSE 'B' END OR name = 'OLD'";
    assert_eq!(site.number(wrong).await, 0);
    assert_eq!(
        site.text("SELECT DISTINCT settled_by FROM dead_letters WHERE settled_by IS NOT NULL").await,
        "operator:test"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_replay_waits_a_resumed_one_goes_on_and_a_cancelled_one_ends() {
    let site = Site::new().await;
    let store = site.store();
    let bodies: Vec<Value> = (1..=60).map(|id| updated(id, 1, "A")).collect();
    bury(&store, &bodies).await;
    let id = begin(&store, false, 20).await.id;
    assert!(store.steer_replay(id, Steer::Pause).await.unwrap());
    let _worker = site.worker().spawn().await;
    site.publish(&json!({"action": "deleted", "timestamp": stamp(1), "data": {"premiseid": 900}})).await;
    site.until("SELECT count(*) FROM inbox", 1).await;
    assert_eq!(store.find_replay(id).await.unwrap().unwrap().counts.len(), 0);
    assert!(!store.steer_replay(id, Steer::Pause).await.unwrap());
    assert!(store.steer_replay(id, Steer::Resume).await.unwrap());
    site.until_at_least("SELECT count(*) FROM replay_items WHERE verdict IS NOT NULL", 5).await;
    assert!(store.steer_replay(id, Steer::Cancel).await.unwrap());
    let judged = site.number("SELECT count(*) FROM replay_items WHERE verdict IS NOT NULL").await;
    assert!(judged < 60, "the rate was not kept");
    assert_eq!(site.number("SELECT count(*) FROM dead_letters WHERE status = 'replayed'").await, judged);
    // Another job is served after it, so the cancelled one had its chance to go on wrongly.
    let next = begin(&store, true, 1_000).await.id;
    ended(&store, next).await;
    assert_eq!(store.find_replay(id).await.unwrap().unwrap().counts.values().sum::<i64>(), judged);
}
