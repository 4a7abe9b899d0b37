//! The fixtures against the real servers of a test run.

use std::time::Duration;

use premise_testkit::{QueuePrefix, ServiceCommand, TestDatabase, wait_for, wait_until};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn databases_are_separate_and_dropped() {
    let kept = TestDatabase::create().await;
    let dropped = TestDatabase::create().await;
    let name = dropped.name().to_owned();
    // An open connection does not keep the database.
    let _open = dropped.connect().await;
    drop(dropped);

    let client = kept.connect().await;
    let left = "SELECT count(*) FROM pg_database WHERE datname = $1";
    let count: i64 = client.query_one(left, &[&name]).await.unwrap().get(0);
    assert_eq!(count, 0);
    let count: i64 = client.query_one(left, &[&kept.name()]).await.unwrap().get(0);
    assert_eq!(count, 1);
}

#[tokio::test]
async fn queues_of_a_prefix_are_deleted() {
    use lapin::options::QueueDeclareOptions;

    let prefix = QueuePrefix::new();
    let queue = prefix.name("premise.sync-runs.v1");
    let connection = lapin::Connection::connect(prefix.broker_url(), lapin::ConnectionProperties::default());
    let connection = connection.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel
        .queue_declare(
            queue.clone().into(),
            QueueDeclareOptions::durable(),
            lapin::types::FieldTable::default(),
        )
        .await
        .unwrap();
    drop(prefix);

    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let found = channel.queue_declare(queue.into(), passive, lapin::types::FieldTable::default()).await;
    assert!(found.is_err(), "the queue is still there");
}

#[tokio::test]
async fn nothing_of_a_killed_process_is_left() {
    let script = "sleep 1000 & echo $!; wait";
    let mut service = ServiceCommand::new("/bin/sh").arg("-c").arg(script).spawn().await;
    let pid = wait_for(SOON, "the shell's line", async || service.output().trim().parse::<u32>().ok()).await;
    assert!(is_there(pid) && service.is_running());

    service.kill().await;
    assert!(!is_there(pid) && !service.is_running());

    service.restart().await;
    assert!(service.is_running());
    let pid = service.pid();
    drop(service);
    assert!(!is_there(pid));
}

fn is_there(pid: u32) -> bool {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), None).is_ok()
}

#[tokio::test]
async fn exit_code_and_output_are_reported() {
    let mut service = ServiceCommand::new("/bin/sh").arg("-c").arg("echo \"$WORD\"; exit 7");
    service = service.env("WORD", "heard");
    let mut service = service.spawn().await;
    assert_eq!(service.exited(SOON).await.code(), Some(7));
    assert_eq!(service.output(), "heard\n");

    let mut service = ServiceCommand::new("/bin/sh").arg("-c").arg("kill -SEGV $$").spawn().await;
    assert_eq!(service.exited(SOON).await.code(), Some(128 + 11));
}

#[tokio::test]
async fn terminate_lets_a_process_end_by_itself() {
    let script = "trap 'echo drained; exit 3' TERM; echo up; while :; do sleep 0.05; done";
    let mut service = ServiceCommand::new("/bin/sh").arg("-c").arg(script).spawn().await;
    wait_until(SOON, "its trap", async || service.output().contains("up")).await;
    assert_eq!(service.terminate(SOON).await.code(), Some(3));
    assert!(service.output().ends_with("drained\n"));
}
