//! From the socket to the stage while the body still arrives.
//!
//! Three steps at once, joined by short channels: chunks from the socket → a thread that parses,
//! normalises and hashes → batches into the sink. A step that is slow holds the others up, so memory stays
//! constant; a step that fails ends them all. Nothing here is applied.

use std::future::Future;

use bytes::Bytes;
use premise_store::StoreError;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::{
    client::Answer,
    error::{AnswerError, RunError},
    parse::{self, ChunkReader, Document, Source},
    progress::Progress,
    rows::{Assembler, Row, RowRules, Tally},
};

/// Chunks between socket and parser. One has up to about 400 KB.
const CHUNKS: usize = 4;

/// Batches between parser and sink.
const BATCHES: usize = 4;

/// Where the rows go.
pub trait Sink: Send {
    /// Takes a batch.
    fn take(&mut self, batch: Vec<Row>) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// An answer that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// What the document turned out to be.
    pub document: Document,
    /// What its rows add up to.
    pub tally: Tally,
    /// Bytes of the body, decompressed.
    pub bytes: u64,
    /// SHA-256 of the body, decompressed, in hex.
    pub sha256: String,
}

/// Reads the body of `answer` to its end into `sink`.
pub async fn receive<S: Sink>(
    answer: Answer,
    rules: RowRules,
    max_row_bytes: usize,
    progress: &Progress,
    sink: &mut S,
) -> Result<Received, RunError> {
    let (chunks, chunks_out) = mpsc::channel(CHUNKS);
    let (batches, batches_out) = mpsc::channel(BATCHES);
    let assembler = Assembler::new(rules, batches);
    // A reason before a consequence: the socket's error comes before the cut that the parser sees.
    let ((bytes, sha256), (), (document, tally)) = tokio::try_join!(
        biased;
        pump(answer, chunks, progress),
        fill(batches_out, progress, sink),
        parse(chunks_out, assembler, max_row_bytes),
    )?;
    Ok(Received { document, tally, bytes, sha256 })
}

async fn pump(
    mut answer: Answer,
    chunks: mpsc::Sender<Bytes>,
    progress: &Progress,
) -> Result<(u64, String), RunError> {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    while let Some(chunk) = answer.chunk().await? {
        progress.add_bytes(chunk.len());
        bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        hash.update(&chunk);
        if chunks.send(chunk).await.is_err() {
            // The parser has ended and says why.
            break;
        }
    }
    Ok((bytes, hex::encode(hash.finalize())))
}

async fn fill<S: Sink>(
    mut batches: mpsc::Receiver<Vec<Row>>,
    progress: &Progress,
    sink: &mut S,
) -> Result<(), RunError> {
    while let Some(batch) = batches.recv().await {
        let rows = batch.len();
        sink.take(batch).await?;
        progress.add_rows(rows);
    }
    Ok(())
}

async fn parse(
    chunks: mpsc::Receiver<Bytes>,
    mut assembler: Assembler,
    max_row_bytes: usize,
) -> Result<(Document, Tally), RunError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "serde reads from a blocking reader and a pull is seconds of computing; one thread per run, which \
                  ends when either channel does"
    )]
    let thread = tokio::task::spawn_blocking(move || {
        let source = Source::new(ChunkReader::new(chunks), max_row_bytes);
        let document = parse::document(source, &mut |raw| assembler.take(raw))?;
        Ok::<_, AnswerError>((document, assembler.finish()?))
    });
    Ok(thread.await.map_err(RunError::Parser)??)
}

#[cfg(test)]
mod tests;
