//! Answers as the outside sees them: camelCase, names as in the seed where it has one. Shaping happens here and
//! nowhere else; the store returns typed rows.

pub(crate) mod dead_letter;
pub(crate) mod feed;
pub(crate) mod figures;
pub(crate) mod local_fields;
pub(crate) mod premise;
pub(crate) mod replay;
pub(crate) mod run;

use serde::Deserialize;

use crate::error::{ApiError, invalid_query};

/// Entries a page, unless asked otherwise.
const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

/// Page of a list; pages begin at 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) page: u32,
    pub(crate) limit: u32,
}

impl Page {
    /// Checks what was asked for.
    pub(crate) fn asked(page: Option<u32>, limit: Option<u32>) -> Result<Self, ApiError> {
        let (page, limit) = (page.unwrap_or(1), limit.unwrap_or(DEFAULT_LIMIT));
        if page == 0 {
            return Err(invalid_query("page", "pages begin at 1"));
        }
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(invalid_query("limit", format!("must be from 1 to {MAX_LIMIT}")));
        }
        Ok(Self { page, limit })
    }
}

/// A page and nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    page: Option<u32>,
    limit: Option<u32>,
}

impl PageQuery {
    pub(crate) fn page(&self) -> Result<Page, ApiError> {
        Page::asked(self.page, self.limit)
    }
}
