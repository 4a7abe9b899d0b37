//! Measures this crate's publisher beside plain `lapin` on the same broker, interleaved.
//!
//! `PREMISE_TEST_BROKER_URL=… cargo run --release -p premise-broker --example publish_rate -- 64 20000`
#![expect(clippy::print_stdout, reason = "its output is the result")]

use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueuePurgeOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use premise_broker::{BrokerConfig, Outgoing, Publisher, Route, WorkQueue};

const BODY: &[u8] = &[b'x'; 700];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (in_flight, count) = (arguments.next().unwrap_or(64), arguments.next().unwrap_or(20_000));
    let url = std::env::var("PREMISE_TEST_BROKER_URL").expect("PREMISE_TEST_BROKER_URL is set");
    let config = BrokerConfig {
        url: url.parse().expect("an AMQP address"),
        queue_prefix: "rate.".into(),
        ..BrokerConfig::default()
    };
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.expect("connects");
    let mut channels = Vec::new();
    for _ in 0..config.publish_channels {
        let channel = connection.create_channel().await.expect("a channel");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        channels.push(channel);
    }
    let publisher = Publisher::start(&config, "rate");
    publisher.readiness().ready().await;
    for _ in 0..5 {
        let plain = measure(count, in_flight, |n| bare(&channels[n % channels.len()])).await;
        let ours = measure(count, in_flight, |_| confirmed(&publisher)).await;
        println!(
            "{in_flight} in flight: lapin {:.0}/s {:.1} µs CPU, premise-broker {:.0}/s {:.1} µs CPU, ratio {:.2}",
            plain.0,
            plain.1,
            ours.0,
            ours.1,
            ours.0 / plain.0
        );
        let purge = channels[0].queue_purge("rate.premise.webhooks.v1".into(), QueuePurgeOptions::default());
        purge.await.expect("purges");
    }
    publisher.close().await;
}

/// Messages per second, and CPU microseconds of this process per message.
async fn measure<F: Future<Output = ()>>(
    count: usize,
    in_flight: usize,
    publish: impl Fn(usize) -> F,
) -> (f64, f64) {
    let (began, cpu) = (Instant::now(), cpu_seconds());
    iter(0..count).map(publish).buffer_unordered(in_flight).for_each(|()| async {}).await;
    let count = f64::from(u32::try_from(count).expect("fits"));
    (count / began.elapsed().as_secs_f64(), (cpu_seconds() - cpu) * 1e6 / count)
}

async fn bare(channel: &Channel) {
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("application/json".into())
        .with_message_id("6f1c2f6e-7a53-4a4f-9a57-2f0f4a3a9d10".into());
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let (exchange, key) = ("rate.premise.inbound".into(), "premise.webhooks.v1".into());
    let confirm = channel.basic_publish(exchange, key, options, BODY, properties).await.expect("publishes");
    assert!(confirm.await.expect("confirms").is_ack());
}

async fn confirmed(publisher: &Publisher) {
    let message = Outgoing::json(Route::to(WorkQueue::Webhooks), BODY);
    publisher.publish(message).await.expect("confirms");
}

/// CPU time of all threads, from `/proc/self/stat` (fields 14 and 15, in hundredths).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
