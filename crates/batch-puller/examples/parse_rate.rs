//! Rows per second and resident memory of the puller's own steps, without Postgres.
//!
//! `cargo run --release -p batch-puller --example parse_rate -- [rows]` prints three lines: the document
//! alone, with normalising and hashing, and the whole stream over HTTP on loopback into a sink that counts.

#![expect(clippy::print_stdout, reason = "a command for people")]

use std::io::Read;
use std::time::Instant;

use anyhow::Context as _;
use batch_puller::{
    client::Client,
    config::PpbConfig,
    metrics::Metrics,
    parse::{self, Source},
    progress::Progress,
    rows::{Assembler, Row, RowRules},
    stream::{self, Sink},
};
use chrono::{TimeDelta, Utc};
use premise_runtime::Secret;
use premise_store::StoreError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

const MAX_ROW_BYTES: usize = 1024 * 1024;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let rows: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    // Threads without a runtime of their own: the steps block.
    std::thread::spawn(move || document(rows)).join().ok().context("document")??;
    std::thread::spawn(move || assemble(rows)).join().ok().context("assemble")??;
    over_http(rows).await
}

/// A catalogue that is made while it is read.
struct Catalogue {
    next: u64,
    rows: u64,
    current: Vec<u8>,
    at: usize,
}

impl Catalogue {
    fn new(rows: u64) -> Self {
        let current = b"{\"_embedded\":{\"vwApiCurrentPremiseList\":[".to_vec();
        Self { next: 0, rows, current, at: 0 }
    }

    fn refill(&mut self) {
        use std::io::Write as _;
        self.current.clear();
        self.at = 0;
        while self.next < self.rows && self.current.len() < 32 * 1024 {
            let comma = if self.next == 0 { "" } else { "," };
            self.next += 1;
            let id = self.next;
            // Writing to a vector cannot fail.
            let _infallible = write!(
                self.current,
                r#"{comma}{{"premiseid":{id},"premisename":"LIBWOB CHEMIST {id} LIMITED","county":"Uasin Gishu","constituency":"TURBO","ward":"KAMAGUT","businesstype":"RETAIL","ownership":"SOLE PROPRIETOR","superintendentregistrationno":{reg},"superintendentname":"KIPLAGAT K AMON","superintendentcadre":"PHARMTECH","licensevalidity":"2026-12-31","validityyear":2026,"_links":{{"self":{{"href":"http://127.0.0.1/catalogue-0.0.1/view/premise/{id}"}}}}}}"#,
                reg = id % 20_000,
            );
            if id == self.rows {
                self.current.extend_from_slice(b"]}}");
            }
        }
    }
}

impl Read for Catalogue {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.current.len() {
            self.refill();
        }
        let length = buffer.len().min(self.current.len() - self.at);
        buffer[..length].copy_from_slice(&self.current[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

fn report(what: &str, rows: u64, began: Instant) -> anyhow::Result<()> {
    let seconds = began.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    let rate = f64::from(u32::try_from(rows)?) / seconds;
    println!("{what:<28} {rate:>10.0} rows/s  {seconds:>6.2} s  {peak}");
    Ok(())
}

fn rules() -> RowRules {
    RowRules {
        run_id: Uuid::nil(),
        reflects_at: Utc::now(),
        source_lag: TimeDelta::minutes(15),
        since: None,
        batch_rows: 512,
        max_quarantined: 10_000,
    }
}

fn document(rows: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut seen = 0;
    let mut count = |_: &str| {
        seen += 1;
        Ok(())
    };
    parse::document(Source::new(Catalogue::new(rows), MAX_ROW_BYTES), &mut count)?;
    anyhow::ensure!(seen == rows, "{seen} rows");
    report("document", rows, began)
}

fn assemble(rows: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    let (batches, mut out) = tokio::sync::mpsc::channel(4);
    let sink = std::thread::spawn(move || while out.blocking_recv().is_some() {});
    let mut assembler = Assembler::new(rules(), batches);
    let source = Source::new(Catalogue::new(rows), MAX_ROW_BYTES);
    parse::document(source, &mut |raw| assembler.take(raw))?;
    let tally = assembler.finish()?;
    anyhow::ensure!(tally.rows == rows && tally.invalid == 0, "{tally:?}");
    sink.join().ok().context("sink")?;
    report("document, normalise, hash", rows, began)
}

struct Count(u64);

impl Sink for Count {
    async fn take(&mut self, batch: Vec<Row>) -> Result<(), StoreError> {
        self.0 += u64::try_from(batch.len()).unwrap_or(0);
        Ok(())
    }
}

async fn over_http(rows: u64) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut request = [0; 4096];
        let _head = stream.read(&mut request).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await?;
        let mut catalogue = Catalogue::new(rows);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match catalogue.read(&mut buffer)? {
                0 => return stream.shutdown().await,
                count => stream.write_all(&buffer[..count]).await?,
            }
        }
    });
    let config = PpbConfig { url, email: "a".into(), password: Secret::new("b"), ..PpbConfig::default() };
    let client = Client::new(&config, Metrics::register(&prometheus::Registry::new())?)?;
    let began = Instant::now();
    let mut sink = Count(0);
    let answer = client.ask(None).await?;
    let received = stream::receive(answer, rules(), MAX_ROW_BYTES, &Progress::default(), &mut sink).await?;
    anyhow::ensure!(sink.0 == rows, "{} rows", sink.0);
    server.await??;
    report("socket to sink", rows, began)?;
    println!("{} bytes, {} per row", received.bytes, received.bytes / rows);
    Ok(())
}
