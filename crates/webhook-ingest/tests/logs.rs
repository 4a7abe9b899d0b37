//! Nothing of a body, a signature or a secret is logged, at any level. Alone in its binary because it takes the
//! process's log.

mod support;

use std::io::Write;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use premise_domain::signature::SIGNATURE_HEADER;
use support::{Ingest, SECRET, event, sign};
use tracing_subscriber::EnvFilter;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic under the lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[actix_web::test]
async fn logs_hold_no_body_signature_or_secret() {
    let captured = Captured::default();
    let writer = captured.clone();
    // Of the libraries only what the process's own filter lets through at most.
    let filter =
        "warn,webhook_ingest=trace,premise_broker=trace,premise_runtime=trace,lapin::returned_messages=off";
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(move || writer.clone())
        .init();
    let ingest = Ingest::with("secret_id = 'key-seven'").await;
    let body = event(34_014, TimeDelta::zero());
    ingest.send(&body).await;
    ingest.send(&body).await;
    ingest.send(r#"{"action":"LIBWOB","data":{"premiseid":"LIBWOB","premisename":["LIBWOB"]}}"#).await;
    ingest.send("{LIBWOB").await;
    ingest.send(&event(1, TimeDelta::days(3))).await;
    let forged = sign("other", &body);
    ingest.post(&*body).header(SIGNATURE_HEADER, &forged).send().await.unwrap();
    ingest.stop().await;
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    for expected in ["webhook refused: signature_invalid", "invalid_event", "taken", "connected"] {
        assert!(text.contains(expected), "{expected} is missing: {text}");
    }
    for secret in ["LIBWOB", SECRET, &forged, &sign(SECRET, &body), "guest:guest"] {
        assert!(!text.contains(secret), "{secret} is in the log: {text}");
    }
}
