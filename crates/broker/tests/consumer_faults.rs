//! The consumer while something fails: what is unacknowledged comes back, and nothing else happens.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use premise_broker::{Delivery, Pause, State, Verdict};
use support::proxy::{Mode, Proxy};
use support::rig::{DEAD, Rig, Script, WEBHOOKS, retry};
use support::{Bed, broker_url};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_before_its_retry_is_confirmed() {
    let bed = Bed::new().await;
    let proxy = Proxy::before(&broker_url()).await;
    let rig = Rig::new(&bed.config, &bed.through(&proxy)).await;
    rig.send(1).await;
    proxy.set(Mode::Mute);
    let script = Script::new(|batch| Ok(retry(batch)));
    rig.play(&script, async {
        // The retry reaches its wait queue, only the confirm does not come back.
        bed.wait_for_depth("premise.webhooks.v1.wait.2s", 1).await;
        assert_eq!(script.moved.load(Ordering::SeqCst), 0);
    })
    .await;
    bed.wait_for_depth(WEBHOOKS, 1).await;
    let original = bed.take(WEBHOOKS).await;
    assert!(original.redelivered, "the original was never acknowledged");
    bed.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_keeps_the_batch_and_spends_no_attempt() {
    let bed = Bed::new().await;
    let rig = Rig::on(&bed).await;
    rig.send(20).await;
    let away = Arc::new(AtomicBool::new(true));
    let gate = away.clone();
    let script = Script::new(move |batch| {
        assert!(batch.iter().all(|delivery| delivery.attempt() == 1));
        if gate.load(Ordering::SeqCst) {
            return Err(Pause { reason: "Postgres is away".into() });
        }
        Ok(vec![Verdict::Done; batch.len()])
    });
    rig.play(&script, async {
        script.handled(4).await;
        assert_eq!(rig.consumer.readiness().state(), State::Paused("Postgres is away".into()));
        assert_eq!(script.done.load(Ordering::SeqCst), 0);
        away.store(false, Ordering::SeqCst);
        script.settled(20).await;
        rig.consumer.readiness().ready().await;
    })
    .await;
    assert_eq!(script.moved.load(Ordering::SeqCst), 0);
    assert_eq!(bed.depth(WEBHOOKS).await + bed.depth(DEAD).await, 0);
    bed.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_finishes_the_batch_and_leaves_nothing_unacknowledged() {
    let bed = Bed::new().await;
    let rig = Rig::on(&bed).await;
    rig.send(300).await;
    let script = Script::accepting();
    rig.play(&script, script.settled(50)).await;
    let done = script.done.load(Ordering::SeqCst);
    assert!((50..300).contains(&done), "drained in the middle: {done}");
    bed.wait_for_depth(WEBHOOKS, u32::try_from(300 - done).unwrap()).await;
    assert_eq!(rig.consumer.readiness().state(), State::Closed);
    bed.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_during_a_pause_returns_the_batch() {
    let bed = Bed::new().await;
    let rig = Rig::on(&bed).await;
    rig.send(5).await;
    let script = Script::new(|_| Err(Pause { reason: "Postgres is away".into() }));
    let paused = |state: &State| matches!(state, State::Paused(_));
    rig.play(&script, rig.consumer.readiness().wait_for(paused)).await;
    bed.wait_for_depth(WEBHOOKS, 5).await;
    bed.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribes_again_after_a_cut() {
    let bed = Bed::new().await;
    let proxy = Proxy::before(&broker_url()).await;
    let rig = Rig::new(&bed.through(&proxy), &bed.config).await;
    let script = Script::accepting();
    rig.play(&script, async {
        rig.send(10).await;
        script.settled(10).await;
        proxy.set(Mode::Cut);
        rig.consumer.readiness().wait_for(|state| *state == State::Connecting).await;
        rig.send(10).await;
        proxy.set(Mode::Pass);
        script.settled(20).await;
    })
    .await;
    assert_eq!(bed.depth(WEBHOOKS).await, 0);
    bed.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_during_a_pause_gives_up_the_batch_and_gets_it_again() {
    let bed = Bed::new().await;
    let proxy = Proxy::before(&broker_url()).await;
    let rig = Rig::new(&bed.through(&proxy), &bed.config).await;
    rig.send(5).await;
    let script = Script::new(|batch| {
        if batch.iter().all(Delivery::redelivered) {
            return Ok(vec![Verdict::Done; batch.len()]);
        }
        Err(Pause { reason: "Postgres is away".into() })
    });
    rig.play(&script, async {
        rig.consumer.readiness().wait_for(|state| matches!(state, State::Paused(_))).await;
        proxy.set(Mode::Cut);
        rig.consumer.readiness().wait_for(|state| *state == State::Connecting).await;
        proxy.set(Mode::Pass);
        script.settled(5).await;
    })
    .await;
    assert_eq!(bed.depth(WEBHOOKS).await, 0);
    bed.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribes_again_when_the_broker_cancels() {
    let bed = Bed::new().await;
    let rig = Rig::on(&bed).await;
    let script = Script::accepting();
    rig.play(&script, async {
        rig.consumer.readiness().ready().await;
        bed.delete_queue(WEBHOOKS).await;
        rig.consumer.readiness().wait_for(|state| *state == State::Connecting).await;
        rig.consumer.readiness().ready().await;
        rig.send(3).await;
        script.settled(3).await;
    })
    .await;
    bed.clean().await;
}
