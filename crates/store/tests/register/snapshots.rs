//! Pulls against a real register: counts, unchanged rows, duplicates, floor, atomicity.

use crate::support::{Register, answer, at, delivery, row, row_observation, updated};
use premise_domain::{
    FieldError, PremiseId,
    sync_run::{Mode, RunStatus},
};
use premise_store::{Policy, StoreError, runs};
use serde_json::{Value, json};

const R1: &str = "2026-01-01T10:00:00Z";
const R2: &str = "2026-01-01T11:00:00Z";

fn many(n: i64) -> Vec<Value> {
    (1..=n).map(|id| row(id, &format!("CHEMIST {id}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_pull_inserts_and_a_second_writes_no_premise_row() {
    let register = Register::empty().await;
    let counts = register.pull(R1, &many(11_543)).await;
    assert_eq!((counts.inserted, counts.unchanged, counts.fetched), (11_543, 0, 11_543));
    let newest = "SELECT max(xmin::text::bigint) FROM premises";
    let before = register.number(newest).await;
    let counts = register.pull(R2, &many(11_543)).await;
    assert_eq!((counts.inserted, counts.updated, counts.unchanged), (0, 0, 11_543));
    assert_eq!(register.number(newest).await, before);
    assert_eq!(register.number("SELECT count(*) FROM premise_changes").await, 11_543);
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_rows_are_updated_with_their_fields() {
    let register = Register::empty().await;
    register.pull(R1, &many(10)).await;
    let mut rows = many(10);
    rows[3]["premisename"] = json!("OTHER");
    let counts = register.pull(R2, &rows).await;
    assert_eq!((counts.updated, counts.unchanged), (1, 9));
    let change = "SELECT new_values FROM premise_changes WHERE kind = 'updated'";
    let change: Value = register.sql.query_one(change, &[]).await.unwrap().get(0);
    assert_eq!(change, json!({"name": "OTHER"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_answer_may_not_have_seen_wins_over_it() {
    let register = Register::empty().await;
    register.store.apply_webhooks(&[delivery(&updated(1, "2026-01-01T10:50:00Z", "EVENT"))]).await.unwrap();
    let counts = register.pull(R2, &[row(1, "ROW")]).await;
    assert_eq!((counts.stale, counts.updated), (1, 0));
    assert_eq!(register.name(1).await.as_deref(), Some("EVENT"));
    let counts = register.pull("2026-01-01T12:00:00Z", &[row(1, "ROW")]).await;
    assert_eq!(counts.updated, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_event_from_before_the_floor_is_stale_though_nothing_was_written() {
    let register = Register::empty().await;
    register.pull(R1, &many(1)).await;
    register.pull(R2, &many(1)).await;
    // After the rank of the row as it was written, before and at the floor that confirmed it.
    for second in ["2026-01-01T10:30:00Z", "2026-01-01T10:45:00Z"] {
        let outcome = register.store.apply_webhooks(&[delivery(&updated(1, second, "LATE"))]).await.unwrap();
        assert_eq!(outcome, [premise_store::WebhookOutcome::Stale], "{second}");
    }
    let next = updated(1, "2026-01-01T10:45:00.000001Z", "NEXT");
    let outcome = register.store.apply_webhooks(&[delivery(&next)]).await.unwrap();
    assert_eq!(outcome, [premise_store::WebhookOutcome::Updated]);
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicate_keys_collapse_to_the_newest_and_add_up() {
    let register = Register::empty().await;
    let mut newer = row(1, "NEWER");
    newer["lastModified"] = json!("2026-01-01T09:59:00Z");
    let counts = register.pull(R1, &[newer, row(1, "OLDER"), row(2, "B"), row(2, "B")]).await;
    assert_eq!((counts.fetched, counts.inserted, counts.collapsed), (4, 2, 2));
    assert_eq!(register.name(1).await.as_deref(), Some("NEWER"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_premise_keeps_its_floor_and_its_row_is_kept_raw() {
    let register = Register::empty().await;
    register.pull(R1, &many(2)).await;
    let run_id = register.running(Mode::Full).await;
    let mut stage = register.store.stage(run_id).await.unwrap();
    stage.push(&row_observation(&row(1, "CHEMIST 1"), R2, run_id)).await.unwrap();
    let raw = "{\"premiseid\":2,\0}";
    stage.quarantine(PremiseId::try_from(2).ok(), &[FieldError::new("county", "must be text")], raw);
    let counts = stage.apply(&answer(R2, 2), &Policy::default()).await.unwrap().counts;
    assert_eq!((counts.unchanged, counts.quarantined, counts.withheld), (1, 1, 0));
    assert_eq!(register.number(&format!("SELECT count(*) FROM floors WHERE as_of = '{R2}'")).await, 1);
    // Before the new floor, after the old one: only the quarantined premise may take it.
    let events = [1, 2].map(|id| delivery(&updated(id, "2026-01-01T10:30:00Z", "EVENT")));
    let outcomes = register.store.apply_webhooks(&events).await.unwrap();
    assert_eq!(outcomes, [premise_store::WebhookOutcome::Stale, premise_store::WebhookOutcome::Updated]);
    let kept: String = register.sql.query_one("SELECT raw FROM quarantined_rows", &[]).await.unwrap().get(0);
    assert!(kept.contains("premiseid"));
    // The next snapshot that can read it ends the exemption.
    register.pull("2026-01-01T12:00:00Z", &many(2)).await;
    assert_eq!(register.number("SELECT count(*) FROM floor_exemptions").await, 0);
    assert_eq!(register.name(2).await.as_deref(), Some("CHEMIST 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_applied_when_the_run_was_taken_away() {
    let register = Register::empty().await;
    let run_id = register.running(Mode::Full).await;
    let mut stage = register.store.stage(run_id).await.unwrap();
    stage.push(&row_observation(&row(1, "A"), R1, run_id)).await.unwrap();
    let mut connection = register.store.connection().await.unwrap();
    assert!(
        runs::end(&mut connection, run_id, RunStatus::Cancelled, "cancelled", "by the test").await.unwrap()
    );
    assert!(
        matches!(stage.apply(&answer(R1, 1), &Policy::default()).await, Err(StoreError::RunTakenAway(id)) if id == run_id)
    );
    assert_eq!(register.number("SELECT count(*) FROM premises").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stage_leaves_no_trace() {
    let register = Register::empty().await;
    let run_id = register.running(Mode::Full).await;
    let mut stage = register.store.stage(run_id).await.unwrap();
    for row in many(2_000) {
        stage.push(&row_observation(&row, R1, run_id)).await.unwrap();
    }
    drop(stage);
    let mut stage = register.store.stage(run_id).await.unwrap();
    stage.push(&row_observation(&row(1, "A"), R1, run_id)).await.unwrap();
    assert_eq!(stage.apply(&answer(R1, 1), &Policy::default()).await.unwrap().counts.inserted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_answer_confirms_nothing() {
    let register = Register::empty().await;
    register.pull(R1, &many(2)).await;
    let run_id = register.running(Mode::Incremental).await;
    let mut stage = register.store.stage(run_id).await.unwrap();
    stage.push(&row_observation(&row(1, "CHEMIST 1"), R2, run_id)).await.unwrap();
    let partial = premise_store::Answer { complete: false, watermark: Some(at(R2)), ..answer(R2, 1) };
    let counts = stage.apply(&partial, &Policy::default()).await.unwrap().counts;
    assert_eq!((counts.unchanged, counts.withheld), (1, 0));
    assert_eq!(register.number(&format!("SELECT count(*) FROM floors WHERE as_of = '{R1}'")).await, 1);
    assert_eq!(
        register.number(&format!("SELECT count(*) FROM watermarks WHERE watermark_at = '{R2}'")).await,
        1
    );
    // Equal content moved the rank, so that what is older stays out without a floor.
    let late = updated(1, "2026-01-01T10:30:00Z", "LATE");
    let outcome = register.store.apply_webhooks(&[delivery(&late)]).await.unwrap();
    assert_eq!(outcome, [premise_store::WebhookOutcome::Stale]);
}
