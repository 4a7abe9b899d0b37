//! The publisher against a real broker: confirmed means stored, and every fault is a typed error
//! within the deadline.

mod support;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use premise_broker::{Confirmed, Disposition, Outgoing, PublishError, Publisher, Route, State};
use support::proxy::{Mode, Proxy};
use support::{Bed, broker_url, soon, sync_run, webhook};

const WEBHOOKS: &str = "premise.webhooks.v1";

async fn ready(config: &premise_broker::BrokerConfig) -> Publisher {
    let publisher = Publisher::start(config, "test");
    soon("the publisher connects", publisher.readiness().ready()).await;
    publisher
}

async fn publish_all(
    publisher: &Publisher,
    messages: impl Iterator<Item = Outgoing>,
) -> Vec<Result<Confirmed, PublishError>> {
    join_all(messages.map(|message| publisher.publish(message))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confirmed_messages_are_stored_with_their_properties() {
    let bed = Bed::new().await;
    let publisher = ready(&bed.config).await;
    let answers = publish_all(&publisher, (0..2_000).map(webhook)).await;
    assert!(answers.iter().all(Result::is_ok), "{:?}", answers.iter().find(|a| a.is_err()));
    bed.wait_for_depth(WEBHOOKS, 2_000).await;

    let message = sync_run(7).with_message_id("id-7").with_traceparent(Some("00-ab-cd-01"));
    publisher.publish(message).await.unwrap();
    let stored = bed.take("premise.sync-runs.v1").await;
    assert_eq!(stored.data, br#"{"n":7}"#);
    assert_eq!(stored.properties.delivery_mode(), &Some(2));
    assert_eq!(stored.properties.message_id().as_ref().unwrap().as_str(), "id-7");
    let headers = stored.properties.headers().as_ref().unwrap();
    assert!(headers.contains_key("traceparent"));
    publisher.close().await;
    bed.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unroutable_is_told_to_the_right_caller_even_when_confirms_are_coalesced() {
    let bed = Bed::with(|config| config.publish_channels = 1).await;
    let publisher = ready(&bed.config).await;
    bed.unbind_webhooks().await;
    let mixed = (0..1_000).map(|n| if n % 2 == 0 { webhook(n) } else { sync_run(n) });
    let answers = publish_all(&publisher, mixed).await;
    for (n, answer) in answers.iter().enumerate() {
        if n % 2 == 0 {
            let route = WEBHOOKS.to_owned();
            assert_eq!(answer, &Err(PublishError::Unroutable { route }), "message {n}");
        } else {
            assert!(answer.is_ok(), "message {n}: {answer:?}");
        }
    }
    bed.wait_for_depth("premise.sync-runs.v1", 500).await;
    publisher.close().await;
    bed.clean().await;
}

#[tokio::test]
async fn a_change_without_subscribers_is_no_failure() {
    let bed = Bed::new().await;
    let publisher = ready(&bed.config).await;
    publisher.publish(Outgoing::json(Route::change("premise.updated"), "{}")).await.unwrap();
    publisher.close().await;
    bed.clean().await;
}

#[tokio::test]
async fn a_connection_cut_before_the_confirm_fails_the_publish_and_recovers() {
    let bed = Bed::new().await;
    let proxy = Proxy::before(&broker_url()).await;
    let publisher = ready(&bed.through(&proxy)).await;
    proxy.set(Mode::Mute);
    let publish = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish(webhook(1)).await }
    });
    bed.wait_for_depth(WEBHOOKS, 1).await;
    proxy.set(Mode::Cut);
    let error = soon("the cut is noticed", publish).await.unwrap().unwrap_err();
    assert_eq!(error, PublishError::ConnectionLost);
    assert_eq!(error.disposition(), Disposition::Unknown);

    soon("not ready", publisher.readiness().wait_for(|state| *state == State::Connecting)).await;
    let asked = Instant::now();
    let refused = publisher.publish(webhook(2)).await.unwrap_err();
    assert_eq!(refused, PublishError::Disconnected);
    assert_eq!(refused.disposition(), Disposition::NotStored);
    assert!(asked.elapsed() < Duration::from_millis(100), "fails at once");

    proxy.set(Mode::Pass);
    soon("reconnects", publisher.readiness().ready()).await;
    publisher.publish(webhook(3)).await.unwrap();
    bed.wait_for_depth(WEBHOOKS, 2).await;
    publisher.close().await;
    bed.clean().await;
}

#[tokio::test]
async fn a_stalled_connection_meets_the_deadline_and_is_replaced() {
    let bed = Bed::with(|config| config.confirm_deadline_ms = 500).await;
    let proxy = Proxy::before(&broker_url()).await;
    let publisher = ready(&bed.through(&proxy)).await;
    proxy.set(Mode::Stall);
    let asked = Instant::now();
    let error = publisher.publish_within(webhook(1), Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(error, PublishError::DeadlinePassed(Duration::from_millis(300)));
    assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
    soon("the stall is noticed", publisher.readiness().wait_for(|s| *s == State::Connecting)).await;
    proxy.set(Mode::Pass);
    soon("reconnects", publisher.readiness().ready()).await;
    publisher.publish(webhook(2)).await.unwrap();
    publisher.close().await;
    bed.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses() {
    let bed = Bed::with(|config| config.max_queue_length = 50).await;
    let publisher = ready(&bed.config).await;
    let mut nacked = 0;
    // The limit of a quorum queue is approximate, so it takes more than 50.
    for round in 0..20 {
        for answer in publish_all(&publisher, (0..50).map(|n| webhook(round * 50 + n))).await {
            match answer {
                Ok(_) => {}
                Err(PublishError::Nacked) => nacked += 1,
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert!(nacked > 500, "{nacked}");
    publisher.close().await;
    bed.clean().await;
}

#[tokio::test]
async fn a_deleted_exchange_is_declared_again() {
    let bed = Bed::new().await;
    let publisher = ready(&bed.config).await;
    bed.delete_exchange("premise.inbound").await;
    let error = publisher.publish(webhook(1)).await.unwrap_err();
    assert_eq!(error, PublishError::ConnectionLost);
    soon("reconnects", async {
        while publisher.publish(webhook(2)).await.is_err() {
            publisher.readiness().ready().await;
            tokio::task::yield_now().await;
        }
    })
    .await;
    publisher.close().await;
    bed.clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_flushes_what_is_in_flight_and_refuses_the_rest() {
    let bed = Bed::new().await;
    let publisher = ready(&bed.config).await;
    let pending: Vec<_> = (0..1_000)
        .map(|n| {
            let publisher = publisher.clone();
            tokio::spawn(async move { publisher.publish(webhook(n)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    soon("closes", publisher.close()).await;
    let mut stored = 0;
    for publish in pending {
        match publish.await.unwrap() {
            Ok(_) => stored += 1,
            Err(PublishError::Closed | PublishError::ConnectionLost) => {}
            Err(other) => panic!("{other}"),
        }
    }
    bed.wait_for_depth(WEBHOOKS, stored).await;
    assert_eq!(publisher.publish(webhook(0)).await, Err(PublishError::Closed));
    bed.clean().await;
}

#[tokio::test]
async fn connects_once_the_broker_is_there() {
    let bed = Bed::new().await;
    let proxy = Proxy::before(&broker_url()).await;
    proxy.set(Mode::Cut);
    let publisher = Publisher::start(&bed.through(&proxy), "test");
    assert_eq!(publisher.publish(webhook(1)).await, Err(PublishError::Disconnected));
    assert!(!publisher.is_ready());
    proxy.set(Mode::Pass);
    soon("connects", publisher.readiness().ready()).await;
    publisher.publish(webhook(1)).await.unwrap();
    publisher.close().await;
    bed.clean().await;
}
