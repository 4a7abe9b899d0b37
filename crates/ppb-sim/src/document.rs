//! The catalogue's answer, produced in chunks from a snapshot.
//!
//! Memory is one chunk, whatever the number of rows. An empty HAL answer leaves `_embedded` out,
//! as Spring HATEOAS does for an empty list.

use premise_domain::catalogue::EMBEDDED_LIST;

use crate::{
    fault_params::DuplicateKeys,
    features::Answer,
    premise::Premise,
    register::{Cursor, Snapshot},
    row::{self, RowShape},
};

/// A chunk is finished at the first row that takes it over this size, in bytes.
const CHUNK: usize = 64 * 1024;
/// Room for the row that goes over.
const SPARE: usize = 1024;

/// What is to be answered.
#[derive(Debug, Clone)]
pub struct Document {
    /// The catalogue at one moment.
    pub snapshot: Snapshot,
    /// Only what was modified after this instant (microseconds since 1970).
    pub since: Option<i64>,
    /// Most rows to give.
    pub limit: u64,
    /// Form of the answer.
    pub answer: Answer,
    /// How rows are written.
    pub shape: RowShape,
    /// Rows that come again at the end.
    pub duplicates: Option<DuplicateKeys>,
    /// Where the writing stands.
    pub progress: Progress,
}

/// Where the writing of a document stands.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    cursor: Cursor,
    rows: u64,
    repeatable: Vec<u64>,
    repeated: usize,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Head,
    Rows,
    Repeats,
    Done,
}

impl Document {
    /// Rows written so far, repeats included.
    pub fn rows(&self) -> u64 {
        self.progress.rows
    }

    /// The next chunk; `None` after the end.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        if self.progress.stage == Stage::Done {
            return None;
        }
        let mut out = Vec::with_capacity(CHUNK + SPARE);
        while out.len() < CHUNK && self.progress.stage != Stage::Done {
            match self.progress.stage {
                Stage::Head => self.head(&mut out),
                Stage::Rows => self.rows_into(&mut out),
                Stage::Repeats => self.repeat_into(&mut out),
                Stage::Done => {}
            }
        }
        Some(out)
    }

    fn head(&mut self, out: &mut Vec<u8>) {
        let mut cursor = self.progress.cursor;
        let empty = self.limit == 0 || self.snapshot.next(&mut cursor, self.since).is_none();
        let (opening, stage): (&[&str], _) = match (self.answer, empty) {
            (Answer::Hal, true) => (&["{}"], Stage::Done),
            (Answer::Hal, false) => (&["{\"_embedded\":{\"", EMBEDDED_LIST, "\":["], Stage::Rows),
            (Answer::Array, true) => (&["[]"], Stage::Done),
            (Answer::Array, false) => (&["["], Stage::Rows),
        };
        for part in opening {
            out.extend_from_slice(part.as_bytes());
        }
        self.progress.stage = stage;
    }

    fn rows_into(&mut self, out: &mut Vec<u8>) {
        let repeats = self.duplicates.as_ref().map_or(0, |duplicates| duplicates.count);
        let progress = &mut self.progress;
        while out.len() < CHUNK {
            let next = (progress.rows < self.limit)
                .then(|| self.snapshot.next(&mut progress.cursor, self.since))
                .flatten();
            let Some(premise) = next else {
                progress.stage = Stage::Repeats;
                return;
            };
            if progress.repeatable.len() < repeats {
                progress.repeatable.push(premise.id);
            }
            separate(out, &mut progress.rows);
            row::write(out, &premise, &self.shape);
        }
    }

    fn repeat_into(&mut self, out: &mut Vec<u8>) {
        let progress = &mut self.progress;
        let Some(id) = progress.repeatable.get(progress.repeated) else {
            out.extend_from_slice(if self.answer == Answer::Hal { b"]}}" } else { b"]" });
            progress.stage = Stage::Done;
            return;
        };
        progress.repeated += 1;
        if let Some(mut premise) = self.snapshot.get(*id) {
            if self.duplicates.as_ref().is_some_and(|duplicates| duplicates.differing) {
                rename(&mut premise);
            }
            separate(out, &mut progress.rows);
            row::write(out, &premise, &self.shape);
        }
    }
}

fn separate(out: &mut Vec<u8>, rows: &mut u64) {
    if *rows > 0 {
        out.push(b',');
    }
    *rows += 1;
}

fn rename(premise: &mut Premise<'_>) {
    let name = premise.name.as_deref().unwrap_or_default();
    premise.name = Some(format!("{name} (BRANCH)").into());
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{generator::Generator, register::Register};

    fn document(premises: u64) -> Document {
        let register = Register::new(Generator::new(1, premises, 2026));
        Document {
            snapshot: register.snapshot(i64::MAX),
            since: None,
            limit: u64::MAX,
            answer: Answer::Hal,
            shape: RowShape::default(),
            duplicates: None,
            progress: Progress::default(),
        }
    }

    fn whole(mut document: Document) -> Value {
        let bytes: Vec<u8> = std::iter::from_fn(|| document.chunk()).flatten().collect();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn rows(value: &Value) -> &Vec<Value> {
        value["_embedded"]["vwApiCurrentPremiseList"].as_array().unwrap()
    }

    #[test]
    fn gives_every_row_in_either_form() {
        let value = whole(document(5_000));
        assert_eq!(rows(&value).len(), 5_000);
        assert_eq!(rows(&value)[0]["premiseid"], 34_014);
        let array = whole(Document { answer: Answer::Array, ..document(5_000) });
        assert_eq!(array.as_array().unwrap(), rows(&value));
    }

    #[test]
    fn an_empty_answer_has_no_list() {
        assert_eq!(whole(Document { limit: 0, ..document(9) }), serde_json::json!({}));
        assert_eq!(whole(Document { answer: Answer::Array, limit: 0, ..document(9) }), serde_json::json!([]));
    }

    #[test]
    fn the_limit_cuts_silently() {
        assert_eq!(rows(&whole(Document { limit: 7, ..document(9) })).len(), 7);
    }

    #[test]
    fn the_first_rows_come_again() {
        for differing in [false, true] {
            let duplicates = Some(DuplicateKeys { count: 2, differing });
            let value = whole(Document { duplicates, ..document(9) });
            let rows = rows(&value);
            assert_eq!(rows.len(), 11);
            assert_eq!(rows[9]["premiseid"], rows[0]["premiseid"]);
            assert_eq!(rows[9]["premisename"] != rows[0]["premisename"], differing);
        }
    }

    #[test]
    fn chunks_are_of_one_size_whatever_the_number_of_rows() {
        let mut document = document(100_000);
        let largest = std::iter::from_fn(|| document.chunk()).map(|chunk| chunk.len()).max();
        assert_eq!(document.rows(), 100_000);
        assert!(largest.unwrap() <= CHUNK + SPARE, "{largest:?}");
    }
}
