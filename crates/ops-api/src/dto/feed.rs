//! The change feed.

use premise_store::reads::feed::{FeedChange, FeedPage};
use serde::Serialize;

use super::premise::Change;

/// What follows a cursor.
#[derive(Serialize)]
pub(crate) struct FeedView {
    changes: Vec<Entry>,
    /// For `after` of the next request, also when there was nothing.
    next: String,
}

/// A change and its place.
#[derive(Serialize)]
struct Entry {
    /// For `after`, to read on from just behind this change.
    cursor: String,
    #[serde(flatten)]
    change: Change,
}

impl From<FeedPage> for FeedView {
    fn from(page: FeedPage) -> Self {
        let entry =
            |FeedChange { cursor, change }| Entry { cursor: cursor.to_string(), change: change.into() };
        Self { changes: page.changes.into_iter().map(entry).collect(), next: page.next.to_string() }
    }
}
