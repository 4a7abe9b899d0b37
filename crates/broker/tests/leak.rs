//! A stalled network must not cost a thread and a socket for every try to reconnect. Alone in its
//! binary because it counts the threads of the process.

mod support;

use std::time::Duration;

use premise_broker::{BrokerConfig, Publisher, State};
use support::proxy::{Mode, Proxy};
use support::{Bed, broker_url, soon, webhook};

fn connection_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux").filter_map(Result::ok);
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.trim() == "lapin-io-loop").count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn stalled_connections_end() {
    let bed = Bed::new().await;
    let proxy = Proxy::before(&broker_url()).await;
    let config = BrokerConfig { confirm_deadline_ms: 100, ..bed.through(&proxy) };
    let publisher = Publisher::start(&config, "test");
    soon("connects", publisher.readiness().ready()).await;
    let usual = connection_threads();
    for round in 0..5 {
        proxy.set(Mode::Stall);
        publisher.publish(webhook(round)).await.unwrap_err();
        let lost = |state: &State| *state == State::Connecting;
        soon("the stall is noticed", publisher.readiness().wait_for(lost)).await;
        proxy.set(Mode::Pass);
        soon("reconnects", publisher.readiness().ready()).await;
    }
    // Much sooner than by missed heartbeats, which take 20 seconds.
    let ended = tokio::time::timeout(Duration::from_secs(5), async {
        while connection_threads() > usual {
            // Nothing tells when a thread of another library ends.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    ended.await.expect("the old threads end");
    publisher.close().await;
    bed.clean().await;
}
