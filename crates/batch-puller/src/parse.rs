//! Reads a catalogue document row by row, in memory that does not grow with it.
//!
//! PPB answers with HAL, `{"_embedded":{"vwApiCurrentPremiseList":[…]}}`, or with the bare list. serde's
//! event interface hands each row over as its exact text (`RawValue`) while the body still arrives; nothing
//! else of the document is kept. What can be wrong with a document is told apart, because an operator does
//! something else about a web page than about a cut.
//!
//! Limits: a row may have [`Source`]'s number of bytes; the text must be UTF-8 (a byte that is not makes
//! the document damaged, because its end cannot be trusted).

mod document;
mod source;

use std::io::{BufRead, BufReader, ErrorKind, Read};

use document::{DocumentSeed, Reading, TakeRow};
use serde::de::DeserializeSeed;

pub use document::{Document, List};
pub use source::{ChunkReader, Source};

use crate::error::AnswerError;

/// What is read at once from the chunks.
const BUFFER_BYTES: usize = 64 * 1024;

/// Reads the document to its end and gives the text of each row to `row`. An error of `row` ends the reading.
pub fn document<R: Read>(source: Source<R>, row: TakeRow<'_>) -> Result<Document, AnswerError> {
    let budget = source.budget();
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, source);
    expect_json(&mut reader)?;
    let reading = Reading::new(row, &budget);
    let mut json = serde_json::Deserializer::from_reader(reader);
    let result = DocumentSeed(&reading).deserialize(&mut json);
    let document = result.map_err(|error| explain(&reading, &budget, &error))?;
    json.end().map_err(|error| match error.classify() {
        serde_json::error::Category::Io => explain(&reading, &budget, &error),
        _ => AnswerError::Trailing { rows: reading.rows() },
    })?;
    Ok(document)
}

/// Looks at the first byte that says something and leaves it to be read.
fn expect_json(reader: &mut impl BufRead) -> Result<(), AnswerError> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    loop {
        let buffer = match reader.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return Err(AnswerError::Empty),
        };
        if buffer.is_empty() {
            return Err(AnswerError::Empty);
        }
        let mark = if buffer.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let blank = buffer[mark..].iter().take_while(|byte| byte.is_ascii_whitespace()).count() + mark;
        match buffer.get(blank) {
            Some(b'{' | b'[') => {
                reader.consume(blank);
                return Ok(());
            }
            Some(b'<') => return Err(AnswerError::WebPage),
            Some(_) => return Err(AnswerError::NotJson),
            None => reader.consume(blank),
        }
    }
}

/// The reason we noted ourselves, or else what serde says.
fn explain(reading: &Reading<'_>, budget: &source::Budget, error: &serde_json::Error) -> AnswerError {
    use serde_json::error::Category;
    let rows = reading.rows();
    if let Some(reason) = reading.take_reason() {
        return reason;
    }
    match error.classify() {
        Category::Io if budget.is_spent() => AnswerError::RowTooLong { limit: budget.limit() },
        Category::Io | Category::Eof => AnswerError::Cut { rows },
        // A cut within a number or a word is no end of file to serde.
        Category::Syntax if budget.is_at_end() => AnswerError::Cut { rows },
        Category::Data => AnswerError::NoList,
        Category::Syntax => AnswerError::Malformed { line: error.line(), column: error.column(), rows },
    }
}

#[cfg(test)]
mod tests;
