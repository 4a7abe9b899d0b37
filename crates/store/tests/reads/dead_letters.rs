//! Dead letters: list and counts.

use std::collections::BTreeMap;

use chrono::Utc;
use premise_domain::webhook::Action;
use premise_store::{
    DeadLetterItem,
    reads::dead_letters::{self, DeadLetterFilter, DeadLetterStatus},
};
use uuid::Uuid;

use crate::support::{Register, id};

async fn some_letters() -> Register {
    let register = Register::empty().await;
    for (n, reason) in (1..).zip(["invalid", "attempts", "invalid", "invalid"]) {
        let letter = DeadLetterItem {
            delivery_id: Uuid::now_v7(),
            reason: reason.into(),
            detail: format!("number {n}"),
            attempts: 3,
            action: Some(Action::Updated),
            premise_id: Some(id(n)),
            webhook_id: None,
            received_at: Utc::now(),
            first_failed_at: Utc::now(),
            envelope: "{}".into(),
        };
        register.store.keep_dead_letters(&[letter]).await.unwrap();
    }
    register.run_sql("UPDATE dead_letters SET status = 'replayed' WHERE premise_id = 4").await;
    register
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_newest_first_by_reason_and_status() {
    let register = some_letters().await;
    let mut connection = register.connection().await;
    let all = DeadLetterFilter::default();
    let invalid = DeadLetterFilter { reason: Some("invalid".into()), ..DeadLetterFilter::default() };
    let waiting = DeadLetterFilter { status: Some(DeadLetterStatus::Open), ..invalid.clone() };
    for (filter, expected) in [(&all, &[4, 3, 2, 1][..]), (&invalid, &[4, 3, 1][..]), (&waiting, &[3, 1][..])]
    {
        let (rows, total) = dead_letters::list(&mut connection, filter, 1, 10).await.unwrap();
        let premises: Vec<i64> = rows.iter().filter_map(|row| row.premise_id).collect();
        assert_eq!((premises.as_slice(), total), (expected, i64::try_from(expected.len()).unwrap()));
    }
    let (second, total) = dead_letters::list(&mut connection, &all, 2, 3).await.unwrap();
    assert_eq!((second[0].detail.as_str(), second.len(), total), ("number 1", 1, 4));
    assert_eq!((second[0].status, second[0].attempts), (DeadLetterStatus::Open, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_what_is_open() {
    let register = some_letters().await;
    let mut connection = register.connection().await;
    assert_eq!(dead_letters::count_open(&mut connection).await.unwrap(), 3);
    let by_reason = dead_letters::open_by_reason(&mut connection).await.unwrap();
    assert_eq!(by_reason, BTreeMap::from([("attempts".into(), 1), ("invalid".into(), 2)]));
}
