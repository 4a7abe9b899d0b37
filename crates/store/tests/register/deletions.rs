//! Deletion by absence against a real register: two reads, the valve, approval, refusals, dry run.

use premise_domain::{acceptance::Limits, observation::Channel, sync_run::RunStatus};
use premise_store::{Answer, Approval, Policy, StoreError, WebhookOutcome, runs};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Register, answer, delivery, row, updated};

const R1: &str = "2026-01-01T10:00:00Z";
const R2: &str = "2026-01-01T11:00:00Z";
const R3: &str = "2026-01-01T12:00:00Z";

fn many(n: i64) -> Vec<Value> {
    (1..=n).map(|id| row(id, &format!("CHEMIST {id}"))).collect()
}

async fn live(register: &Register) -> i64 {
    register.number("SELECT count(*) FROM premises WHERE NOT is_tombstone").await
}

/// The newest run as it stands.
async fn newest(register: &Register) -> runs::SyncRun {
    let mut connection = register.store.connection().await.unwrap();
    runs::list(&mut connection, 1, 1).await.unwrap().0.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_premise_is_deleted_by_the_second_answer_that_lacks_it() {
    let register = Register::empty().await;
    register.pull(R1, &many(10)).await;
    let counts = register.pull(R2, &many(9)).await;
    assert_eq!((counts.withheld, counts.deleted, live(&register).await), (1, 0, 10));
    let counts = register.pull(R3, &many(9)).await;
    assert_eq!((counts.withheld, counts.deleted, live(&register).await), (0, 1, 9));
    assert_eq!(register.number("SELECT premise_id FROM premise_changes WHERE kind = 'deleted'").await, 10);
    assert_eq!(register.number("SELECT count(*) FROM pending_absences").await, 0);
    assert_eq!(register.number("SELECT count(*) FROM floor_exemptions").await, 0);
    assert_eq!(register.name(10).await.as_deref(), Some("CHEMIST 10"), "kept for audit");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_answer_twice_is_one_read_and_a_return_starts_anew() {
    let register = Register::empty().await;
    register.pull(R1, &many(10)).await;
    register.pull(R2, &many(9)).await;
    // A cached answer, and one of the same glitch, a little later by the puller's count.
    for r in [R2, "2026-01-01T11:00:00.000001Z", "2026-01-01T11:04:59Z"] {
        let counts = register.pull(r, &many(9)).await;
        assert_eq!((counts.deleted, counts.withheld, live(&register).await), (0, 1, 10), "{r}");
    }
    register.pull(R3, &many(10)).await;
    let counts = register.pull("2026-01-01T13:00:00Z", &many(9)).await;
    assert_eq!((counts.withheld, counts.deleted), (1, 0));
    let counts = register.pull("2026-01-01T13:05:00Z", &many(9)).await;
    assert_eq!((counts.withheld, counts.deleted), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_premise_that_is_stated_between_the_reads_is_kept() {
    let register = Register::empty().await;
    register.pull(R1, &many(10)).await;
    register.pull(R2, &many(9)).await;
    let event = delivery(&updated(10, "2026-01-01T11:50:00Z", "ALIVE"));
    assert_eq!(register.store.apply_webhooks(&[event]).await.unwrap(), [WebhookOutcome::Updated]);
    let counts = register.pull(R3, &many(9)).await;
    assert_eq!((counts.deleted, live(&register).await), (0, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_older_than_a_deletion_does_not_revive_also_after_the_tombstone_is_gone() {
    let register = Register::empty().await;
    let once = Policy { delete_confirmations: 1, ..Policy::default() };
    register.pull(R1, &many(10)).await;
    register.pull_with(R2, &many(9), &once).await.unwrap();
    assert_eq!(live(&register).await, 9);
    let late = || delivery(&updated(10, "2026-01-01T10:44:59Z", "LATE"));
    assert_eq!(register.store.apply_webhooks(&[late()]).await.unwrap(), [WebhookOutcome::Stale]);
    register.sql.execute("UPDATE premises SET changed_at = now() - interval '2 days'", &[]).await.unwrap();
    assert_eq!(register.store.remove_tombstones(chrono::TimeDelta::days(1)).await.unwrap(), 1);
    register.sql.execute("DELETE FROM inbox", &[]).await.unwrap();
    assert_eq!(register.store.apply_webhooks(&[late()]).await.unwrap(), [WebhookOutcome::Stale]);
    assert_eq!(register.number("SELECT count(*) FROM premises").await, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_tombstone_and_one_above_the_floor_are_not_removed() {
    let register = Register::empty().await;
    register.pull(R1, &many(3)).await;
    register.store.apply_webhooks(&[delivery(&crate::support::deleted(1, R2))]).await.unwrap();
    assert_eq!(
        register.store.remove_tombstones(chrono::TimeDelta::zero()).await.unwrap(),
        0,
        "above the floor"
    );
    register.pull(R3, &many(3)[1..]).await;
    assert_eq!(register.store.remove_tombstones(chrono::TimeDelta::days(1)).await.unwrap(), 0, "fresh");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_deletions_hold_the_run_and_additions_apply() {
    let register = Register::empty().await;
    register.pull(R1, &many(100)).await;
    let mut rows = many(90);
    rows[0]["premisename"] = json!("CHANGED");
    rows.push(row(1_000, "NEW"));
    let applied = register.pull_with(R2, &rows, &Policy::default()).await.unwrap();
    let reason = applied.held.unwrap();
    assert!(
        reason.contains("10 of 100 live premises are missing") && reason.contains("at most 5"),
        "{reason}"
    );
    assert_eq!((applied.counts.inserted, applied.counts.updated, applied.counts.withheld), (1, 1, 10));
    assert_eq!(live(&register).await, 101);
    let run = newest(&register).await;
    assert_eq!((run.status, run.held_reason.as_deref()), (RunStatus::Held, Some(reason.as_str())));
    assert_eq!(register.number(&format!("SELECT count(*) FROM floors WHERE as_of = '{R1}'")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_deletes_exactly_the_plan_once() {
    let register = Register::empty().await;
    register.pull(R1, &many(100)).await;
    register.pull_with(R2, &many(90), &Policy::default()).await.unwrap();
    let run = newest(&register).await;
    let hash = run.plan_hash.unwrap();
    // One of the plan is stated again before the approval, another premise appears.
    register.store.apply_webhooks(&[delivery(&updated(95, R2, "ALIVE"))]).await.unwrap();
    register.store.apply_webhooks(&[delivery(&updated(500, R1, "OTHER"))]).await.unwrap();
    let approve = async |hash: &str| register.store.approve(run.id, hash, "ops").await.unwrap();
    assert_eq!(approve("0000").await, Approval::OtherPlan);
    assert_eq!(approve(&hash).await, Approval::Done { deleted: 9 });
    assert_eq!(approve(&hash).await, Approval::NotHeld("succeeded".into()));
    assert_eq!(register.store.approve(Uuid::nil(), &hash, "ops").await.unwrap(), Approval::Unknown);
    let gone = "SELECT sum(premise_id)::bigint FROM premises WHERE is_tombstone";
    assert_eq!(register.number(gone).await, (91..=100).sum::<i64>() - 95);
    let run = newest(&register).await;
    assert_eq!((run.status, run.approved_by.as_deref()), (RunStatus::Succeeded, Some("ops")));
    assert_eq!(run.counts.map(|counts| (counts.deleted, counts.withheld)), Some((9, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_is_refused_and_changes_nothing() {
    let register = Register::empty().await;
    register.pull(R1, &many(3)).await;
    let refusal = register.pull_with(R2, &[], &Policy::default()).await.unwrap_err();
    assert!(matches!(refusal, StoreError::AnswerRefused { code: "empty_answer", .. }), "{refusal}");
    assert_eq!(live(&register).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_column_is_refused_and_blanks_nothing() {
    let register = Register::empty().await;
    register.pull(R1, &many(50)).await;
    let renamed: Vec<Value> =
        (1..=50).map(|id| json!({"premiseid": id, "premisename": "X", "kaunti": "Y"})).collect();
    let refusal = register.pull_with(R2, &renamed, &Policy::default()).await.unwrap_err();
    assert!(matches!(refusal, StoreError::AnswerRefused { code: "null_rate_jump", .. }), "{refusal}");
    assert!(refusal.to_string().contains("county from 0 % to 100 %"), "{refusal}");
    assert_eq!(register.number("SELECT count(*) FROM premises WHERE county = 'Nairobi'").await, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_answer_is_refused() {
    let register = Register::empty().await;
    register.pull(R1, &stamped(50, "2026-01-01T09:00:00Z")).await;
    let refusal =
        register.pull_with(R2, &stamped(50, "2026-01-01T08:00:00Z"), &Policy::default()).await.unwrap_err();
    assert!(matches!(refusal, StoreError::AnswerRefused { code: "stale_answer", .. }), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_predicts_the_counts_and_changes_nothing() {
    let register = Register::empty().await;
    register.pull(R1, &many(20)).await;
    register.pull(R2, &many(19)).await;
    let mut rows = many(19);
    rows[0]["premisename"] = json!("CHANGED");
    rows.push(row(99, "NEW"));
    let state = "SELECT hashtextextended(string_agg(t::text, '|' ORDER BY t::text), 0) FROM (
        SELECT p::text AS t FROM premises p UNION ALL SELECT c::text FROM premise_changes c
        UNION ALL SELECT f::text FROM floors f UNION ALL SELECT a::text FROM pending_absences a
        UNION ALL SELECT x::text FROM floor_exemptions x) AS everything";
    let before = register.number(state).await;
    let dry = Policy { dry_run: true, ..Policy::default() };
    let predicted = register.pull_with(R3, &rows, &dry).await.unwrap().counts;
    assert_eq!(register.number(state).await, before);
    assert_eq!(register.pull(R3, &rows).await, predicted);
    assert_eq!(
        (predicted.inserted, predicted.updated, predicted.deleted, predicted.unchanged),
        (1, 1, 1, 18)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_of_a_pull_add_up() {
    let register = Register::empty().await;
    register.pull(R1, &many(40)).await;
    register.store.apply_webhooks(&[delivery(&updated(7, "2026-01-01T10:55:00Z", "EVENT"))]).await.unwrap();
    register
        .store
        .apply_webhooks(&[delivery(&crate::support::deleted(8, "2026-01-01T10:30:00Z"))])
        .await
        .unwrap();
    let mut rows = many(39);
    rows.push(row(3, "CHEMIST 3"));
    rows.push(row(77, "NEW"));
    rows[0]["premisename"] = json!("CHANGED");
    let all =
        Policy { limits: Limits { max_deleted_fraction: 1.0, ..Limits::default() }, ..Policy::default() };
    let counts = register.pull_with(R2, &rows, &all).await.unwrap().counts;
    let sum = counts.inserted
        + counts.updated
        + counts.unchanged
        + counts.reinstated
        + counts.stale
        + counts.quarantined
        + counts.collapsed;
    assert_eq!((sum, counts.fetched), (41, 41));
    assert_eq!(
        (counts.inserted, counts.updated, counts.reinstated, counts.stale, counts.collapsed),
        (1, 1, 1, 1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absence_asks_for_its_confirmation_when_it_is_old_enough_and_nobody_else_did() {
    let register = Register::empty().await;
    let due = async || {
        let mut connection = register.store.connection().await.unwrap();
        premise_store::pull_history::confirmation_due(&mut connection, chrono::TimeDelta::minutes(10))
            .await
            .unwrap()
    };
    register.pull(R1, &many(10)).await;
    register.pull(R2, &many(9)).await;
    assert!(!due().await, "too young");
    register
        .sql
        .execute("UPDATE pending_absences SET noted_at = now() - interval '11 minutes'", &[])
        .await
        .unwrap();
    assert!(!due().await, "a run was asked for meanwhile");
    register
        .sql
        .execute("UPDATE sync_runs SET requested_at = now() - interval '11 minutes'", &[])
        .await
        .unwrap();
    assert!(due().await);
    let status = async |status: &str| {
        let newest = "UPDATE sync_runs SET requested_by = 'delete-confirmation', status = $1
            WHERE id = (SELECT id FROM sync_runs ORDER BY id DESC LIMIT 1)";
        register.sql.execute(newest, &[&status]).await.unwrap();
    };
    for unsuccessful in ["failed", "held"] {
        status(unsuccessful).await;
        assert!(!due().await, "{unsuccessful}: not again at once");
    }
    status("succeeded").await;
    register.pull(R3, &many(9)).await;
    assert!(!due().await, "confirmed");
}

/// A full answer with a row that has no key confirms nothing, and is guarded all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_answer_is_guarded_too() {
    let register = Register::empty().await;
    register.pull(R1, &stamped(50, "2026-01-01T09:00:00Z")).await;
    let incomplete = |rows: usize| Answer { complete: false, ..answer(R2, rows) };
    for (rows, code) in [
        (nameless_county(50), "null_rate_jump"),
        (stamped(50, "2026-01-01T08:00:00Z"), "stale_answer"),
        (Vec::new(), "empty_answer"),
    ] {
        let refusal = register.apply(&rows, R2, &incomplete(rows.len())).await.unwrap_err();
        assert!(
            matches!(refusal, StoreError::AnswerRefused { code: found, .. } if found == code),
            "{refusal}"
        );
    }
    let counts = register.apply(&many(10), R2, &incomplete(10)).await.unwrap().counts;
    assert_eq!((counts.withheld, counts.deleted, live(&register).await), (0, 0, 50));
    assert_eq!(register.number(&format!("SELECT count(*) FROM floors WHERE as_of = '{R1}'")).await, 1);
}

/// A renamed column reaches an incremental answer first.
#[tokio::test(flavor = "multi_thread")]
async fn changes_that_blank_a_field_all_at_once_are_refused() {
    let register = Register::empty().await;
    register.pull(R1, &many(50)).await;
    let changes = |rows: usize| Answer { channel: Channel::Incremental, complete: false, ..answer(R2, rows) };
    let refusal = register.apply(&nameless_county(20), R2, &changes(20)).await.unwrap_err();
    assert!(matches!(refusal, StoreError::AnswerRefused { code: "null_rate_jump", .. }), "{refusal}");
    let counts = register.apply(&nameless_county(19), R2, &changes(19)).await.unwrap().counts;
    assert_eq!(counts.updated, 19, "a few premises may truly lose a field");
    let none = register.apply(&[], R2, &changes(0)).await.unwrap().counts;
    assert_eq!(none.fetched, 0);
}

fn nameless_county(n: i64) -> Vec<Value> {
    (1..=n).map(|id| json!({"premiseid": id, "premisename": "X", "licensevalidity": "2026-12-31"})).collect()
}

fn stamped(n: i64, stamp: &str) -> Vec<Value> {
    let mut rows = many(n);
    for row in &mut rows {
        row["lastModified"] = json!(stamp);
    }
    rows
}

/// Webhooks may be on before the first pull; what they brought must not keep it out.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_answer_is_taken_though_webhooks_came_before_it() {
    let register = Register::empty().await;
    let complete = json!({"action": "created", "timestamp": R1, "data": {"premiseid": 1, "premisename": "A",
        "county": "Nairobi", "constituency": "X", "ward": "Y", "businesstype": "RETAIL", "licensevalidity": "2026-12-31"}});
    register.store.apply_webhooks(&[delivery(&complete)]).await.unwrap();
    let counts = register.pull(R2, &many(100)).await;
    assert_eq!(counts.inserted, 99);
}

#[tokio::test(flavor = "multi_thread")]
async fn stamps_of_one_second_with_other_digits_are_not_stale() {
    let register = Register::empty().await;
    register.pull(R1, &stamped(20, "2026-01-01T09:00:00.400Z")).await;
    let counts = register.pull(R2, &stamped(20, "2026-01-01T09:00:00Z")).await;
    assert_eq!(counts.unchanged, 20);
}
