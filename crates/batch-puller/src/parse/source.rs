//! From the chunks of a body to the blocking reader serde wants, with a bound on what one row may take.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

/// Reads the chunks that another thread sends. The end of the channel is the end of the body.
#[derive(Debug)]
pub struct ChunkReader {
    chunks: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl ChunkReader {
    /// A reader of what comes through `chunks`. Must not be read on a runtime's own thread.
    pub fn new(chunks: mpsc::Receiver<Bytes>) -> Self {
        Self { chunks, current: Bytes::new() }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = chunk,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// Bytes that may still be read before a row has to end, and whether the end was reached. Shared by the
/// reader, which spends it, and the list, which renews it with each row.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    left: Rc<Cell<usize>>,
    at_end: Rc<Cell<bool>>,
    limit: usize,
}

impl Budget {
    pub(super) fn renew(&self) {
        self.left.set(self.limit);
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// The parser has asked for more than there was.
    pub(super) fn is_at_end(&self) -> bool {
        self.at_end.get()
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}

/// A reader that fails when no row has ended for too many bytes. Reads ahead by a buffer, so the bound is
/// exact to that.
#[derive(Debug)]
pub struct Source<R> {
    inner: R,
    budget: Budget,
}

impl<R: Read> Source<R> {
    /// Reads `inner`, at most `max_row_bytes` at a time without the end of a row.
    pub fn new(inner: R, max_row_bytes: usize) -> Self {
        let left = Rc::new(Cell::new(max_row_bytes));
        Self { inner, budget: Budget { left, at_end: Rc::default(), limit: max_row_bytes } }
    }

    pub(super) fn budget(&self) -> Budget {
        self.budget.clone()
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.budget.left.get();
        if left == 0 {
            return Err(io::Error::other("no row ended within the bound"));
        }
        let end = buffer.len().min(left);
        let length = self.inner.read(&mut buffer[..end])?;
        self.budget.left.set(left - length);
        self.budget.at_end.set(length == 0);
        Ok(length)
    }
}
