//! The slots of the schedule: one run each, however many ask.

use crate::support::Register;
use chrono::{DateTime, TimeDelta, Utc};
use premise_domain::sync_run::{Mode, RunStatus};
use premise_store::{
    runs,
    schedule::{slots, take_slot},
};
use uuid::Uuid;

fn slot(hour: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
}

async fn take(register: &Register, mode: Mode, hour: i64) -> Option<Uuid> {
    let id = Uuid::now_v7();
    let mut connection = register.store.connection().await.unwrap();
    take_slot(&mut connection, id, mode, slot(hour)).await.unwrap().then_some(id)
}

async fn end(register: &Register, id: Uuid, code: &str) {
    let mut connection = register.store.connection().await.unwrap();
    assert!(runs::end(&mut connection, id, RunStatus::Failed, code, "over").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_is_taken_once_and_never_after_a_later_one() {
    let register = Register::empty().await;
    let mut connection = register.store.connection().await.unwrap();
    let none = slots(&mut connection).await.unwrap();
    assert_eq!((none.full, none.incremental, none.pulled), (None, None, None));
    let first = take(&register, Mode::Full, 2).await.unwrap();
    assert_eq!(take(&register, Mode::Incremental, 6).await, None, "another run is open");
    end(&register, first, "ppb_faulty").await;
    assert_eq!(take(&register, Mode::Full, 2).await, None, "taken, though the run did not succeed");
    assert_eq!(take(&register, Mode::Full, 1).await, None, "a later one is taken");
    let incremental = take(&register, Mode::Incremental, 2).await.unwrap();
    end(&register, incremental, "ppb_faulty").await;
    let second = take(&register, Mode::Full, 26).await.unwrap();
    end(&register, second, "ppb_faulty").await;
    let found = slots(&mut connection).await.unwrap();
    assert_eq!((found.full, found.incremental, found.pulled), (Some(slot(26)), Some(slot(2)), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_ask_at_once_get_one_run() {
    let register = Register::empty().await;
    for hour in 1..=5 {
        let asked = tokio::join!(
            take(&register, Mode::Full, hour),
            take(&register, Mode::Full, hour),
            take(&register, Mode::Full, hour),
        );
        let runs: Vec<Uuid> = [asked.0, asked.1, asked.2].into_iter().flatten().collect();
        assert_eq!(runs.len(), 1, "{asked:?}");
        end(&register, runs[0], "ppb_faulty").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_whose_run_was_interrupted_is_due_again_three_times_in_all() {
    let register = Register::empty().await;
    for _ in 0..3 {
        let id = take(&register, Mode::Full, 2).await.unwrap();
        end(&register, id, "stopped").await;
    }
    assert_eq!(take(&register, Mode::Full, 2).await, None);
    assert_eq!(slots(&mut register.store.connection().await.unwrap()).await.unwrap().full, Some(slot(2)));
}
