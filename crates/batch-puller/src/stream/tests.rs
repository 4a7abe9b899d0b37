//! Bodies as they arrive, whole and broken, through all three steps.

use chrono::{TimeDelta, Utc};
use premise_runtime::Secret;
use premise_store::Disposition;
use prometheus::Registry;
use uuid::Uuid;

use super::*;
use crate::{
    client::{
        Client,
        scripted::{Script, Server, ok},
    },
    config::PpbConfig,
    error::{RequestError, Retry},
    metrics::Metrics,
};

/// Keeps the keys; fails after some batches when told so.
struct Keys {
    keys: Vec<i64>,
    batches_until_failure: usize,
}

impl Sink for Keys {
    async fn take(&mut self, batch: Vec<Row>) -> Result<(), StoreError> {
        if self.batches_until_failure == 0 {
            return Err(StoreError::RunTakenAway(Uuid::nil()));
        }
        self.batches_until_failure -= 1;
        self.keys.extend(batch.iter().filter_map(|row| match row {
            Row::Good(observation) => Some(observation.premise_id.get()),
            Row::Bad(_) => None,
        }));
        Ok(())
    }
}

fn keys() -> Keys {
    Keys { keys: Vec::new(), batches_until_failure: usize::MAX }
}

async fn receive_from(server: &Server, sink: &mut Keys, progress: &Progress) -> Result<Received, RunError> {
    let config = PpbConfig {
        url: server.url.clone(),
        email: "a".into(),
        password: Secret::new("b"),
        silence_timeout_ms: 300,
        ..PpbConfig::default()
    };
    let client = Client::new(&config, Metrics::register(&Registry::new()).unwrap()).unwrap();
    let answer = client.ask(None).await?;
    let rules = RowRules {
        run_id: Uuid::nil(),
        reflects_at: Utc::now(),
        source_lag: TimeDelta::minutes(15),
        since: None,
        batch_rows: 7,
        max_quarantined: 100,
    };
    receive(answer, rules, 1024 * 1024, progress, sink).await
}

fn catalogue(rows: i64) -> String {
    let rows: Vec<String> =
        (1..=rows).map(|id| format!(r#"{{"premiseid":{id},"premisename":"CHEMIST {id}"}}"#)).collect();
    format!(r#"{{"_embedded":{{"vwApiCurrentPremiseList":[{}]}}}}"#, rows.join(","))
}

#[tokio::test]
async fn every_row_arrives_once_and_in_order_with_the_evidence() {
    let text = catalogue(20_000);
    let server = Server::start(vec![ok(&text)]).await;
    let (mut sink, progress) = (keys(), Progress::default());
    let received = receive_from(&server, &mut sink, &progress).await.unwrap();
    assert!(sink.keys.iter().copied().eq(1..=20_000));
    assert_eq!(received.tally.rows, 20_000);
    assert_eq!(received.bytes, u64::try_from(text.len()).unwrap());
    assert_eq!(received.sha256, hex::encode(Sha256::digest(&text)));
    assert_eq!(progress.counts(), (i64::try_from(text.len()).unwrap(), 20_000));
}

#[tokio::test]
async fn a_cut_is_told_by_the_socket_or_by_the_document_and_may_be_repeated() {
    let text = catalogue(20_000);
    let part = &text[..text.len() * 6 / 10];
    let told = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{part}", text.len());
    let untold = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{part}");
    let understated = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", part.len());
    for (bytes, by_socket) in [(told, true), (untold, false), (understated, false)] {
        let server = Server::start(vec![Script::Send(bytes.into_bytes())]).await;
        let error = receive_from(&server, &mut keys(), &Progress::default()).await.unwrap_err();
        assert_eq!(matches!(error, RunError::Request(RequestError::Cut { .. })), by_socket, "{error:?}");
        assert_eq!((error.code(), error.retry()), ("answer_cut", Retry::Soon));
    }
}

#[tokio::test]
async fn silence_in_the_middle_ends_the_attempt() {
    let text = catalogue(20_000);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", text.len(), &text[..500_000]);
    let server = Server::start(vec![Script::Hang(head.into_bytes())]).await;
    let error = receive_from(&server, &mut keys(), &Progress::default()).await.unwrap_err();
    assert_eq!(error.code(), "ppb_silent");
}

#[tokio::test]
async fn a_document_that_is_none_ends_at_once() {
    // The connection stays open: only the first bytes can have told.
    let page = b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n<html><body>Service Unavailable".to_vec();
    let server = Server::start(vec![Script::Hang(page)]).await;
    let error = receive_from(&server, &mut keys(), &Progress::default()).await.unwrap_err();
    assert_eq!((error.code(), error.retry()), ("answer_web_page", Retry::Never));
}

#[tokio::test]
async fn a_stage_that_fails_ends_the_stream() {
    let server = Server::start(vec![ok(&catalogue(20_000))]).await;
    let mut sink = Keys { batches_until_failure: 3, ..keys() };
    let error = receive_from(&server, &mut sink, &Progress::default()).await.unwrap_err();
    assert!(matches!(&error, RunError::Store(fault) if fault.disposition() == Disposition::Rejected));
    assert_eq!(sink.keys.len(), 21);
}
