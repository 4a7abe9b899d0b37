//! The consumer against a real broker: batches, attempts and verdicts.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use premise_broker::{
    ATTEMPTS_EXHAUSTED, Consumer, ConsumerOptions, DeadLetter, Delivery, Outgoing, Publisher, Route, Verdict,
    WorkQueue,
};
use support::rig::{DEAD, Received, Rig, Script, WEBHOOKS, retry};
use support::{Bed, soon, webhook};
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn takes_what_is_there_and_never_lingers() {
    let bed = Bed::new().await;
    let rig = Rig::on(&bed).await;
    rig.send(500).await;
    let script = Script::accepting();
    let lone = rig
        .play(&script, async {
            script.settled(500).await;
            let sent = Instant::now();
            rig.send(1).await;
            script.settled(501).await;
            sent.elapsed()
        })
        .await;
    let batches = script.batches.lock().unwrap().clone();
    assert!(batches.iter().all(|size| (1..=50).contains(size)), "{batches:?}");
    assert!(
        batches.iter().filter(|size| **size == 50).count() >= 5,
        "a backlog makes full batches: {batches:?}"
    );
    assert!(lone < Duration::from_millis(300), "a single message does not wait for more: {lone:?}");
    assert_eq!(bed.depth(WEBHOOKS).await, 0);
    bed.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_attempts_with_their_waits_then_a_dead_letter() {
    let bed = Bed::new().await;
    let rig = Rig::on(&bed).await;
    let script = Script::new(|batch| Ok(retry(batch)));
    let began = chrono::Utc::now();
    let letter = rig
        .play(&script, async {
            let message = webhook(1).with_traceparent(Some("00-ab-cd-01")).with_message_id("m-1");
            rig.publisher.publish(message).await.unwrap();
            let started = Instant::now();
            script.settled(1).await;
            script.settled(2).await;
            assert!(started.elapsed() >= Duration::from_millis(1_950), "{:?}", started.elapsed());
            script.settled(3).await;
            assert!(started.elapsed() >= Duration::from_millis(5_950), "{:?}", started.elapsed());
            assert!(started.elapsed() <= Duration::from_secs(9), "{:?}", started.elapsed());
            bed.take(DEAD).await
        })
        .await;
    assert_eq!(script.batches.lock().unwrap().len(), 3, "exactly three attempts");
    let letter = Received::from(letter);
    assert_eq!(letter.reason, ATTEMPTS_EXHAUSTED);
    assert_eq!(letter.detail, "row locked");
    assert_eq!(letter.attempts, 3);
    assert!(letter.first_failure_at >= began);
    assert_eq!(letter.message_id, "m-1");
    assert_eq!(letter.traceparent, "00-ab-cd-01");
    bed.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_goes_to_the_dead_letters_at_once_and_alone() {
    let bed = Bed::new().await;
    let rig = Rig::on(&bed).await;
    rig.send(10).await;
    let script = Script::new(|batch| {
        let verdict = |delivery: &Delivery| match delivery.body() {
            b"{\"n\":4}" => Verdict::DeadLetter { reason: "invalid", detail: "n: not 4".into() },
            _ => Verdict::Done,
        };
        Ok(batch.iter().map(verdict).collect())
    });
    let letter = rig
        .play(&script, async {
            script.settled(10).await;
            bed.take(DEAD).await
        })
        .await;
    assert_eq!(letter.data, b"{\"n\":4}");
    let letter = Received::from(letter);
    assert_eq!((letter.reason.as_str(), letter.attempts), ("invalid", 1));
    assert_eq!(letter.detail, "n: not 4");
    assert_eq!(script.done.load(Ordering::SeqCst), 9);
    assert_eq!(bed.depth(WEBHOOKS).await, 0);
    bed.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_retries_only_the_delivery_that_causes_it() {
    let bed = Bed::new().await;
    let rig = Rig::on(&bed).await;
    rig.send(10).await;
    let script = Script::new(|batch| {
        for delivery in batch {
            assert!(delivery.body() != b"{\"n\":4}" || delivery.attempt() > 1, "on purpose");
        }
        Ok(vec![Verdict::Done; batch.len()])
    });
    rig.play(&script, script.settled(11)).await;
    assert_eq!(script.moved.load(Ordering::SeqCst), 1);
    assert_eq!(script.done.load(Ordering::SeqCst), 10);
    bed.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_of_dead_letters_never_gives_up() {
    let bed = Bed::new().await;
    let publisher = Publisher::start(&bed.config, "test");
    soon("connects", publisher.readiness().ready()).await;
    let letter = DeadLetter {
        reason: "invalid".into(),
        detail: "n: not 1".into(),
        attempts: 1,
        first_failure_at: None,
    };
    let message =
        Outgoing::json(Route::to(WorkQueue::WebhookDeadLetters), "{\"n\":1}").with_dead_letter(&letter);
    publisher.publish(message).await.unwrap();
    let tries = AtomicUsize::new(0);
    let script = Script::new(move |batch| {
        assert_eq!(DeadLetter::read(&batch[0]), letter);
        match tries.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(retry(batch)),
            1 => Ok(vec![Verdict::DeadLetter { reason: "odd", detail: String::new() }]),
            _ => Ok(vec![Verdict::Done]),
        }
    });
    let options = ConsumerOptions::new(WorkQueue::WebhookDeadLetters, "test");
    let consumer = Consumer::new(&bed.config, options, publisher.clone());
    let drain = CancellationToken::new();
    let scene = async {
        script.settled(1).await;
        drain.cancel();
    };
    soon("settles", async { tokio::join!(scene, consumer.run(&script, drain.cancelled())) }).await;
    assert_eq!(script.batches.lock().unwrap().len(), 3);
    assert_eq!(bed.depth(DEAD).await, 0);
    bed.clean().await;
}
