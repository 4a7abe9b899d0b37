//! The life of a run: one at a time, claimed once, found dead, cancelled.

use crate::support::Register;
use chrono::TimeDelta;
use premise_domain::sync_run::{Mode, RunStatus};
use premise_store::runs::{self, NewRun, Queued, Standing};
use uuid::Uuid;

fn full() -> NewRun {
    NewRun { id: Uuid::now_v7(), mode: Mode::Full, requested_by: "test".into(), since: None, dry_run: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_is_answered_with_the_run_in_progress() {
    let register = Register::empty().await;
    let mut connection = register.store.connection().await.unwrap();
    let Queued::Created(first) = runs::queue(&mut connection, full()).await.unwrap() else { panic!() };
    let Queued::InProgress(found) = runs::queue(&mut connection, full()).await.unwrap() else { panic!() };
    assert_eq!(found.id, first.id);
    assert!(runs::end(&mut connection, first.id, RunStatus::Failed, "test", "over").await.unwrap());
    assert!(matches!(runs::queue(&mut connection, full()).await.unwrap(), Queued::Created(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_claimed_once() {
    let register = Register::empty().await;
    let mut connection = register.store.connection().await.unwrap();
    let Queued::Created(run) = runs::queue(&mut connection, full()).await.unwrap() else { panic!() };
    assert_eq!(runs::claim(&mut connection, run.id).await.unwrap().unwrap().status, RunStatus::Running);
    assert!(runs::claim(&mut connection, run.id).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_run_is_abandoned_and_its_process_learns_it() {
    let register = Register::empty().await;
    let id = register.running(Mode::Full).await;
    let mut connection = register.store.connection().await.unwrap();
    assert!(runs::abandon_dead(&mut connection, TimeDelta::minutes(1)).await.unwrap().is_empty());
    register
        .sql
        .execute("UPDATE sync_runs SET heartbeat_at = now() - interval '2 minutes'", &[])
        .await
        .unwrap();
    assert_eq!(runs::abandon_dead(&mut connection, TimeDelta::minutes(1)).await.unwrap(), [id]);
    assert_eq!(runs::note_progress(&mut connection, id, "staging", 1, 1).await.unwrap(), Standing::TakenAway);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_a_queued_run_and_asks_a_running_one() {
    let register = Register::empty().await;
    let mut connection = register.store.connection().await.unwrap();
    let Queued::Created(queued) = runs::queue(&mut connection, full()).await.unwrap() else { panic!() };
    assert!(runs::request_cancel(&mut connection, queued.id).await.unwrap());
    assert_eq!(runs::find(&mut connection, queued.id).await.unwrap().unwrap().status, RunStatus::Cancelled);
    let running = register.running(Mode::Full).await;
    assert_eq!(
        runs::note_progress(&mut connection, running, "staging", 10, 1).await.unwrap(),
        Standing::Running
    );
    assert!(runs::request_cancel(&mut connection, running).await.unwrap());
    let standing = runs::note_progress(&mut connection, running, "staging", 20, 2).await.unwrap();
    assert_eq!(standing, Standing::CancelRequested);
    assert!(!runs::request_cancel(&mut connection, Uuid::nil()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_newest_first_in_pages() {
    let register = Register::empty().await;
    let mut connection = register.store.connection().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let id = register.running(Mode::Full).await;
        runs::end(&mut connection, id, RunStatus::Failed, "test", "over").await.unwrap();
        ids.push(id);
    }
    let (page, total) = runs::list(&mut connection, 1, 2).await.unwrap();
    assert_eq!((page.iter().map(|run| run.id).collect::<Vec<_>>(), total), (vec![ids[2], ids[1]], 3));
    assert_eq!(runs::list(&mut connection, 2, 2).await.unwrap().0.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_migrations_is_not_ready_and_says_what_to_do() {
    let database = premise_testkit::TestDatabase::create().await;
    let store = premise_store::Store::connect(database.url(), 2).unwrap();
    let refusal = store.ping().await.unwrap_err();
    assert!(refusal.to_string().contains("premise-sync migrate"), "{refusal}");
    assert!(!premise_store::migrate(database.url()).await.unwrap().is_empty());
    assert_eq!(premise_store::migrate(database.url()).await.unwrap().len(), 0);
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn just_in_time_compilation_is_off_where_statements_are_short_lived() {
    use diesel::{QueryableByName, sql_types::Text};
    use diesel_async::RunQueryDsl;
    #[derive(QueryableByName)]
    struct Setting {
        #[diesel(sql_type = Text)]
        jit: String,
    }
    let register = Register::empty().await;
    let mut connection = register.store.connection().await.unwrap();
    let setting: Setting = diesel::sql_query("SHOW jit").get_result(&mut connection).await.unwrap();
    assert_eq!(setting.jit, "off");
}
