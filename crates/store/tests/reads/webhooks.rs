//! How webhooks fared.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use premise_store::reads::webhook_stats::{self, Outcomes};

use crate::support::{Register, at};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_came_was_not_lost() {
    let register = Register::empty().await;
    let stats =
        webhook_stats::read(&mut *register.connection().await, at("2026-01-01T00:00:00Z")).await.unwrap();
    assert_eq!((stats.total, stats.successful, stats.failed, stats.processing), (0, 0, 0, None));
    assert!((stats.success_rate - 100.0).abs() < f64::EPSILON);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_what_was_done_with_inside_the_window() {
    let register = Register::empty().await;
    // A hundred that took 1 to 100 ms, one of them repeated twice; one from before the window.
    register
        .run_sql(
            "INSERT INTO inbox (idempotency_key, delivery_id, action, premise_id, outcome, received_at,
                processed_at, repeats)
            SELECT decode(md5(n::text), 'hex'), gen_random_uuid(), 'updated', n,
                CASE WHEN n <= 90 THEN 'updated' WHEN n <= 95 THEN 'stale' WHEN n <= 98 THEN 'duplicate'
                    ELSE 'created' END,
                '2026-01-02T00:00:00Z', timestamptz '2026-01-02T00:00:00Z' + n * interval '1 millisecond',
                CASE WHEN n = 7 THEN 2 ELSE 0 END
            FROM generate_series(1, 100) AS n;
            INSERT INTO inbox (idempotency_key, delivery_id, action, premise_id, outcome, received_at,
                processed_at, repeats)
            VALUES ('\\x00', gen_random_uuid(), 'updated', 1, 'updated', '2026-01-01T00:00:00Z',
                '2026-01-01T01:00:00Z', 9);
            INSERT INTO dead_letters (delivery_id, reason, detail, attempts, received_at, first_failed_at,
                dead_at, status, envelope)
            SELECT gen_random_uuid(), reason, '', 1, now(), now(), dead_at::timestamptz, status, '{}'
            FROM (VALUES ('invalid', '2026-01-02T00:00:00Z', 'open'), ('invalid', '2026-01-02T01:00:00Z', 'discarded'),
                ('attempts', '2026-01-02T02:00:00Z', 'open'), ('attempts', '2026-01-02T02:00:00Z', 'replayed'),
                ('invalid', '2026-01-01T00:00:00Z', 'open')) AS given (reason, dead_at, status)",
        )
        .await;
    let stats =
        webhook_stats::read(&mut *register.connection().await, at("2026-01-02T00:00:00Z")).await.unwrap();
    assert_eq!((stats.total, stats.successful, stats.failed), (103, 100, 3));
    assert!((stats.success_rate - 100.0 * 100.0 / 103.0).abs() < 1e-9);
    assert_eq!((stats.duplicates, stats.stale), (5, 5));
    let outcomes = Outcomes { created: 2, updated: 90, stale: 5, duplicate: 3, ..Outcomes::default() };
    assert_eq!(stats.by_outcome, outcomes);
    assert_eq!(stats.dead_by_reason, BTreeMap::from([("attempts".into(), 1), ("invalid".into(), 2)]));
    let times = stats.processing.unwrap();
    assert_eq!(times.average, TimeDelta::microseconds(50_500));
    assert_eq!(times.p50, TimeDelta::microseconds(50_500));
    assert_eq!(times.p95, TimeDelta::microseconds(95_050));
    assert_eq!(times.p99, TimeDelta::microseconds(99_010));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiving_clock_that_is_ahead_makes_no_time_negative() {
    let register = Register::empty().await;
    register
        .run_sql(
            "INSERT INTO inbox (idempotency_key, delivery_id, action, premise_id, outcome, received_at,
                processed_at)
            VALUES ('\\x00', gen_random_uuid(), 'updated', 1, 'updated', '2026-01-01T00:00:01Z',
                '2026-01-01T00:00:00Z')",
        )
        .await;
    let stats =
        webhook_stats::read(&mut *register.connection().await, at("2026-01-01T00:00:00Z")).await.unwrap();
    assert_eq!(stats.processing.unwrap().p99, TimeDelta::zero());
}
