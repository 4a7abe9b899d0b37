//! What can be wrong with an answer that came, each kind with its own name: an operator does something else
//! about each.

/// What is wrong with an answer that came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// A web page with status 200.
    #[error("PPB answered with a web page in place of the catalogue; its service is probably down")]
    WebPage,
    /// Nothing, with status 200.
    #[error("PPB's answer is empty: not even a list without premises")]
    Empty,
    /// Neither object nor list.
    #[error("PPB's answer is no JSON object or list")]
    NotJson,
    /// The JSON ends too early.
    #[error("PPB's answer ends in the middle, after {rows} rows")]
    Cut {
        /// Rows before the end.
        rows: u64,
    },
    /// The JSON is damaged.
    #[error("PPB's answer is damaged JSON at line {line}, column {column}, after {rows} rows")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// Rows before the damage.
        rows: u64,
    },
    /// More after the end of the document.
    #[error("PPB's answer goes on after its end; {rows} rows came before")]
    Trailing {
        /// Rows in the document.
        rows: u64,
    },
    /// No `_embedded`: empty or broken, never "all deleted".
    #[error("PPB's answer has no _embedded; that means broken or empty, so nothing is concluded from it")]
    NoEmbedded,
    /// No list where it belongs, or two.
    #[error("PPB's answer has no list _embedded.vwApiCurrentPremiseList; its format has probably changed")]
    NoList,
    /// `_links.next`.
    #[error("PPB's answer is one page of several (_links.next); only one answer with all rows can be used")]
    MorePages,
    /// As many rows as were asked for.
    #[error("PPB's answer has all {limit} rows that were asked for and is probably cut off; raise ppb.limit")]
    LimitReached {
        /// `ppb.limit`.
        limit: u32,
    },
    /// A full answer without rows.
    #[error("PPB's catalogue came without a single premise; nothing is concluded from that")]
    NoRows,
    /// More than 5 % of the rows, or more than can be kept, are unusable.
    #[error("{invalid} of {rows} rows are unusable; the format has probably changed. The first: {first}")]
    TooManyInvalid {
        /// Unusable rows.
        invalid: u64,
        /// All rows so far.
        rows: u64,
        /// What is wrong with the first of them, by field.
        first: String,
    },
    /// A row that does not end.
    #[error("PPB's answer has more than {limit} bytes without the end of a row")]
    RowTooLong {
        /// `pull.max_row_bytes`.
        limit: usize,
    },
    /// The filter was asked for and not honoured.
    #[error("PPB does not honour updatedSince: {0}")]
    FilterIgnored(&'static str),
    /// Nobody wants the rows any more; another error says why.
    #[error("the run was given up")]
    Unwanted,
}

impl AnswerError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::WebPage => "answer_web_page",
            Self::Empty => "answer_empty",
            Self::NotJson => "answer_not_json",
            Self::Cut { .. } => "answer_cut",
            Self::Malformed { .. } => "answer_malformed",
            Self::Trailing { .. } => "answer_trailing",
            Self::NoEmbedded => "answer_no_embedded",
            Self::NoList => "answer_no_list",
            Self::MorePages => "answer_more_pages",
            Self::LimitReached { .. } => "answer_limit_reached",
            Self::NoRows => "empty_answer",
            Self::TooManyInvalid { .. } => "answer_too_many_invalid",
            Self::RowTooLong { .. } => "answer_row_too_long",
            Self::FilterIgnored(_) => "filter_ignored",
            Self::Unwanted => "given_up",
        }
    }
}
