//! Whether an answer that was read to its end may be applied, and as what.

use chrono::{DateTime, Utc};

use crate::{error::AnswerError, parse::List, stream::Received};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The whole catalogue.
    Everything,
    /// What changed since then.
    ChangesSince(DateTime<Utc>),
}

/// Tells whether the answer is complete: the whole catalogue, so that absence means something. An answer
/// that is cut off or no catalogue at all is an error and applies nothing.
pub(super) fn judge(asked: Asked, received: &Received, limit: u32) -> Result<bool, AnswerError> {
    let document = received.document;
    if document.has_next {
        return Err(AnswerError::MorePages);
    }
    let nothing_changed = matches!(asked, Asked::ChangesSince(_)) && document.may_be_empty_list();
    match document.list {
        List::Present => {}
        List::NoEmbedded if nothing_changed => {}
        List::NoEmbedded => return Err(AnswerError::NoEmbedded),
        List::Missing => return Err(AnswerError::NoList),
    }
    if received.tally.rows >= u64::from(limit) {
        return Err(AnswerError::LimitReached { limit });
    }
    match asked {
        Asked::ChangesSince(_) => Ok(false),
        Asked::Everything if received.tally.rows == 0 => Err(AnswerError::NoRows),
        // A row without a key may be about any premise.
        Asked::Everything => Ok(received.tally.without_key == 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parse::Document, rows::Tally};

    fn received(rows: u64, document: Document) -> Received {
        let tally = Tally { rows, ..Tally::default() };
        Received { document, tally, bytes: 0, sha256: String::new() }
    }

    fn list() -> Document {
        Document { list: List::Present, ..Document::default() }
    }

    const CHANGES: Asked = Asked::ChangesSince(DateTime::UNIX_EPOCH);

    #[test]
    fn a_whole_catalogue_is_complete_and_changes_never_are() {
        assert_eq!(judge(Asked::Everything, &received(9, list()), 10), Ok(true));
        assert_eq!(judge(CHANGES, &received(9, list()), 10), Ok(false));
        let mut keyless = received(9, list());
        keyless.tally.without_key = 1;
        assert_eq!(judge(Asked::Everything, &keyless, 10), Ok(false));
    }

    #[test]
    fn a_full_answer_is_cut_off_by_the_limit() {
        for asked in [Asked::Everything, CHANGES] {
            let error = judge(asked, &received(10, list()), 10).unwrap_err();
            assert_eq!(error, AnswerError::LimitReached { limit: 10 });
        }
        let paged = Document { has_next: true, ..list() };
        assert_eq!(judge(Asked::Everything, &received(1, paged), 10), Err(AnswerError::MorePages));
    }

    #[test]
    fn absence_is_never_read_as_deletion() {
        let empty = Document::default();
        assert_eq!(judge(Asked::Everything, &received(0, empty), 10), Err(AnswerError::NoEmbedded));
        assert_eq!(judge(Asked::Everything, &received(0, list()), 10), Err(AnswerError::NoRows));
        let renamed = Document { list: List::Missing, ..empty };
        assert_eq!(judge(Asked::Everything, &received(0, renamed), 10), Err(AnswerError::NoList));
        assert_eq!(judge(CHANGES, &received(0, renamed), 10), Err(AnswerError::NoList));
        let fault = Document { has_other: true, ..empty };
        assert_eq!(judge(CHANGES, &received(0, fault), 10), Err(AnswerError::NoEmbedded));
        assert_eq!(judge(CHANGES, &received(0, empty), 10), Ok(false));
    }
}
