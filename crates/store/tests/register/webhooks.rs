//! Webhooks against a real register: order, repeats, partial statements, all or nothing.

use crate::support::{Register, deleted, delivery, row, updated};
use premise_store::WebhookOutcome::{
    Created, Deleted, Duplicate, Incomplete, Reinstated, Stale, Unchanged, Updated,
};
use serde_json::json;
use tokio::task::JoinSet;

const T1: &str = "2026-01-01T10:00:00Z";
const T2: &str = "2026-01-01T10:00:01Z";
const T3: &str = "2026-01-01T10:00:02Z";

#[tokio::test(flavor = "multi_thread")]
async fn an_older_event_never_overwrites_a_newer_one() {
    let register = Register::empty().await;
    let outcomes = register.store.apply_webhooks(&[delivery(&updated(1, T2, "NEW"))]).await.unwrap();
    assert_eq!(outcomes, [Created]);
    let outcomes = register.store.apply_webhooks(&[delivery(&updated(1, T1, "OLD"))]).await.unwrap();
    assert_eq!(outcomes, [Stale]);
    assert_eq!(register.name(1).await.as_deref(), Some("NEW"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_changes_nothing_and_is_counted() {
    let register = Register::empty().await;
    let body = updated(1, T1, "A");
    let first = delivery(&body);
    assert_eq!(register.store.apply_webhooks(std::slice::from_ref(&first)).await.unwrap(), [Created]);
    let before = register.number("SELECT xmin::text::bigint FROM premises").await;
    // The broker delivers the first again, PPB sends the body again, twice in one batch.
    let again = [first, delivery(&body), delivery(&body)];
    assert_eq!(register.store.apply_webhooks(&again).await.unwrap(), [Duplicate; 3]);
    assert_eq!(register.number("SELECT xmin::text::bigint FROM premises").await, before);
    assert_eq!(register.number("SELECT count(*) FROM premise_changes").await, 1);
    assert_eq!(register.number("SELECT sum(repeats) FROM inbox").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_beside_its_first_is_counted_too() {
    let register = Register::empty().await;
    let body = updated(1, T1, "A");
    let batch = [delivery(&body), delivery(&body), delivery(&body)];
    assert_eq!(register.store.apply_webhooks(&batch).await.unwrap(), [Created, Duplicate, Duplicate]);
    assert_eq!(register.number("SELECT sum(repeats) FROM inbox").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_keeps_the_order_of_one_premise() {
    let register = Register::empty().await;
    let ward = json!({"action": "updated", "timestamp": T2, "data": {"premiseid": 1, "ward": "KAMAGUT"}});
    let county = json!({"action": "updated", "timestamp": T3, "data": {"premiseid": 1, "county": "Nairobi"}});
    let batch =
        [delivery(&updated(1, T1, "A")), delivery(&ward), delivery(&updated(2, T1, "B")), delivery(&county)];
    assert_eq!(register.store.apply_webhooks(&batch).await.unwrap(), [Created, Updated, Created, Updated]);
    let row = register
        .sql
        .query_one("SELECT name, ward, county FROM premises WHERE premise_id = 1", &[])
        .await
        .unwrap();
    assert_eq!(
        (row.get::<_, &str>(0), row.get::<_, &str>(1), row.get::<_, &str>(2)),
        ("A", "KAMAGUT", "Nairobi")
    );
    assert_eq!(register.number("SELECT count(*) FROM premise_changes WHERE premise_id = 1").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_field_keeps_its_value_and_null_clears_it() {
    let register = Register::empty().await;
    register.pull("2025-12-31T00:00:00Z", &[row(1, "A")]).await;
    let clear = json!({"action": "updated", "timestamp": T1, "data": {"premiseid": 1, "county": null}});
    assert_eq!(register.store.apply_webhooks(&[delivery(&clear)]).await.unwrap(), [Updated]);
    let statement = "SELECT name, county, license_validity::text FROM premises";
    let row = register.sql.query_one(statement, &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "A");
    assert_eq!(row.get::<_, Option<&str>>(1), None);
    assert_eq!(row.get::<_, &str>(2), "2026-12-31");
    let change = register
        .sql
        .query_one("SELECT old_values, new_values FROM premise_changes WHERE kind = 'updated'", &[]);
    let change = change.await.unwrap();
    assert_eq!(change.get::<_, serde_json::Value>(0), json!({"county": "Nairobi"}));
    assert_eq!(change.get::<_, serde_json::Value>(1), json!({"county": null}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_an_unknown_unnamed_premise_is_incomplete_and_leaves_no_trace() {
    let register = Register::empty().await;
    let body = json!({"action": "updated", "timestamp": T1, "data": {"premiseid": 9, "county": "Nairobi"}});
    let outcomes =
        register.store.apply_webhooks(&[delivery(&body), delivery(&updated(1, T1, "A"))]).await.unwrap();
    assert_eq!(outcomes, [Incomplete, Created]);
    assert_eq!(register.number("SELECT count(*) FROM premises").await, 1);
    assert_eq!(register.number("SELECT count(*) FROM inbox").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_kept_as_tombstone_until_something_newer_revives_it() {
    let register = Register::empty().await;
    let mut outcomes = Vec::new();
    for body in [
        updated(1, T1, "A"),
        deleted(1, T2),
        updated(1, T1, "LATE"),
        json!({"action": "updated", "timestamp": T2, "data": {"premiseid": 1, "premisename": "SAME INSTANT"}}),
        updated(1, T3, "BACK"),
        deleted(7, T1),
    ] {
        outcomes.extend(register.store.apply_webhooks(&[delivery(&body)]).await.unwrap());
    }
    assert_eq!(outcomes, [Created, Deleted, Stale, Stale, Reinstated, Deleted]);
    assert_eq!(register.name(1).await.as_deref(), Some("BACK"));
    assert_eq!(register.number("SELECT count(*) FROM premises WHERE is_tombstone").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_content_moves_the_rank_and_writes_no_change() {
    let register = Register::empty().await;
    register.store.apply_webhooks(&[delivery(&updated(1, T1, "A"))]).await.unwrap();
    assert_eq!(register.store.apply_webhooks(&[delivery(&updated(1, T3, "A"))]).await.unwrap(), [Unchanged]);
    assert_eq!(register.number("SELECT count(*) FROM premise_changes").await, 1);
    assert_eq!(register.store.apply_webhooks(&[delivery(&updated(1, T2, "B"))]).await.unwrap(), [Stale]);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_batches_about_the_same_unknown_premises_agree() {
    let register = Register::empty().await;
    let mut tasks = JoinSet::new();
    // Strides without a factor in common with 20 visit every premise.
    for (worker, stride) in [1_i64, 3, 7, 9, 11, 13, 17, 19].into_iter().enumerate() {
        let store = register.store.clone();
        tasks.spawn(async move {
            for round in 0..10_i64 {
                // Every worker states every premise, in an order of its own, and repeats one shared body.
                let batch: Vec<_> = (0..20)
                    .map(|n| {
                        let id = 1 + (n * stride + round) % 20;
                        let timestamp = format!("2026-01-01T10:{round:02}:{worker:02}Z");
                        delivery(&updated(id, &timestamp, &format!("{round}-{worker}")))
                    })
                    .chain([delivery(&updated(99, T1, "SHARED"))])
                    .collect();
                store.apply_webhooks(&batch).await.unwrap();
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    assert_eq!(register.number("SELECT count(*) FROM premises WHERE name = '9-7'").await, 20);
    assert_eq!(register.number("SELECT count(*) FROM premise_changes WHERE kind = 'created'").await, 21);
    assert_eq!(register.number("SELECT count(*) FROM inbox WHERE premise_id = 99").await, 1);
    assert_eq!(register.number("SELECT repeats::bigint FROM inbox WHERE premise_id = 99").await, 79);
}

/// Two transactions meet at a premise that neither knew: the later one must see the other's row, or
/// it would blank what it does not say and call the premise new.
#[tokio::test(flavor = "multi_thread")]
async fn a_premise_that_appears_meanwhile_is_completed_and_not_created_again() {
    let register = Register::empty().await;
    let insert = "BEGIN; INSERT INTO premises (premise_id, name, county, effective_at, rank_class, is_tombstone,
            as_of, rank_sequence, rank_hash, channel, source_ref)
        VALUES (1, 'FIRST', 'Nairobi', '2026-01-01', 0, false, '2026-01-01', 0, '', 'webhook', gen_random_uuid())";
    register.sql.batch_execute(insert).await.unwrap();
    let store = register.store.clone();
    let second =
        tokio::spawn(async move { store.apply_webhooks(&[delivery(&updated(1, T1, "SECOND"))]).await });
    premise_testkit::wait_until(std::time::Duration::from_secs(10), "the second one waits", async || {
        // Within a transaction the activity is shown as it was first seen.
        register.sql.batch_execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%staged%'";
        register.number(waiting).await == 1
    })
    .await;
    register.sql.batch_execute("COMMIT").await.unwrap();
    assert_eq!(second.await.unwrap().unwrap(), [Updated]);
    let row = register.sql.query_one("SELECT name, county FROM premises", &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("SECOND", "Nairobi"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgres_repeats_of_a_row_stays_inside() {
    let register = Register::empty().await;
    let check = "ALTER TABLE premises ADD CONSTRAINT of_the_test CHECK (superintendent_name <> 'KIPLAGAT')";
    register.sql.batch_execute(check).await.unwrap();
    let body = json!({"action": "created", "timestamp": T1,
        "data": {"premiseid": 1, "premisename": "A", "superintendentname": "KIPLAGAT"}});
    let refusal = register.store.apply_webhooks(&[delivery(&body)]).await.unwrap_err();
    assert_eq!(refusal.disposition(), premise_store::Disposition::Rejected);
    let mut told = format!("{refusal:?}");
    let mut cause: Option<&dyn std::error::Error> = Some(&refusal);
    while let Some(error) = cause {
        told.push_str(&error.to_string());
        cause = error.source();
    }
    assert!(told.contains("of_the_test") && told.contains("23514") && !told.contains("KIPLAGAT"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_lacks_something_is_no_fault_of_a_delivery() {
    let register = Register::empty().await;
    register.sql.batch_execute("ALTER TABLE inbox RENAME TO elsewhere").await.unwrap();
    let refusal = register.store.apply_webhooks(&[delivery(&updated(1, T1, "A"))]).await.unwrap_err();
    assert_eq!(refusal.disposition(), premise_store::Disposition::Unavailable, "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_not_mentioned_keeps_its_flag() {
    let register = Register::empty().await;
    let say = |second: &str, data: serde_json::Value| {
        delivery(&json!({"action": "updated", "timestamp": second, "data": data}))
    };
    let odd = json!({"premiseid": 1, "premisename": "A", "county": "Gotham", "businesstype": "CIRCUS"});
    register.store.apply_webhooks(&[say(T1, odd)]).await.unwrap();
    let flags = "SELECT flags::text FROM premises";
    register.store.apply_webhooks(&[say(T2, json!({"premiseid": 1, "ward": "W"}))]).await.unwrap();
    let kept: String = register.sql.query_one(flags, &[]).await.unwrap().get(0);
    assert_eq!(kept, r#"["county_unknown", "business_type_unknown"]"#);
    register.store.apply_webhooks(&[say(T3, json!({"premiseid": 1, "county": "Nairobi"}))]).await.unwrap();
    let kept: String = register.sql.query_one(flags, &[]).await.unwrap().get(0);
    assert_eq!(kept, r#"["business_type_unknown"]"#);
}

/// Whoever holds the register's lock for too long makes others wait where it is seen, not in silence.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_never_released_makes_an_apply_unavailable() {
    let register = Register::empty().await;
    register.sql.batch_execute("SELECT pg_advisory_lock(7205001)").await.unwrap();
    let refusal = register.store.apply_webhooks(&[delivery(&updated(1, T1, "A"))]).await.unwrap_err();
    assert_eq!(refusal.disposition(), premise_store::Disposition::Unavailable, "{refusal}");
    register.sql.batch_execute("SELECT pg_advisory_unlock(7205001)").await.unwrap();
    assert_eq!(register.store.apply_webhooks(&[delivery(&updated(1, T1, "A"))]).await.unwrap(), [Created]);
}
