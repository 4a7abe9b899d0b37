//! Does PPB honour `updatedSince`? Asked, not assumed: a filter that is ignored looks like a small change of
//! everything.
//!
//! The question is "what changed since now". Rows that are older, rows without `lastModified` and a refusal
//! all mean no. The answer is remembered, and every incremental answer is checked by the same rule.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::Utc;
use premise_store::StoreError;
use tokio::time::Instant;

use crate::{
    client::Client,
    error::{AnswerError, RequestError, RunError},
    parse::List,
    progress::Progress,
    rows::{Row, RowRules},
    stream::{self, Sink},
};

/// Whether changes alone can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Support {
    /// Yes.
    Honoured,
    /// No, because.
    Unsupported(String),
}

impl Support {
    /// What an error says about the filter; `None` when it says something else.
    pub fn refused_by(error: &RunError) -> Option<Self> {
        match error {
            RunError::Answer(reason @ AnswerError::FilterIgnored(_)) => {
                Some(Self::Unsupported(reason.to_string()))
            }
            RunError::Request(RequestError::Refused(status)) => {
                Some(Self::Unsupported(format!("PPB refuses updatedSince with status {status}")))
            }
            _ => None,
        }
    }
}

/// What is known about the filter.
#[derive(Debug)]
pub struct Probe {
    known: Mutex<Option<(Instant, Support)>>,
    memory: Duration,
}

impl Probe {
    /// Nothing is known yet; what becomes known is remembered for so long.
    pub fn new(memory: Duration) -> Self {
        Self { known: Mutex::new(None), memory }
    }

    /// Keeps what an answer has shown.
    pub fn remember(&self, support: Support) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), support));
    }

    fn known(&self) -> Option<Support> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(at, _)| at.elapsed() < self.memory).map(|(_, support)| support.clone())
    }

    /// What is known, or else what PPB answers. `rules` say how rows are read.
    pub async fn support(
        &self,
        client: &Client,
        rules: &RowRules,
        max_row_bytes: usize,
    ) -> Result<Support, RunError> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let support = match ask(client, rules, max_row_bytes).await {
            Ok(()) => Support::Honoured,
            Err(error) => Support::refused_by(&error).ok_or(error)?,
        };
        self.remember(support.clone());
        Ok(support)
    }
}

/// Succeeds when the filter is honoured. Stops reading at the first row that shows the opposite.
async fn ask(client: &Client, rules: &RowRules, max_row_bytes: usize) -> Result<(), RunError> {
    let now = Utc::now();
    let answer = client.ask(Some(now)).await?;
    let rules = RowRules { since: Some(now), reflects_at: answer.head().reflects_at(), ..rules.clone() };
    let received = stream::receive(answer, rules, max_row_bytes, &Progress::default(), &mut Nowhere).await?;
    // A web page or an error object must not pass for "nothing changed".
    if received.document.list == List::Present || received.document.may_be_empty_list() {
        Ok(())
    } else {
        Err(AnswerError::NoEmbedded.into())
    }
}

struct Nowhere;

impl Sink for Nowhere {
    async fn take(&mut self, _: Vec<Row>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_forgotten_in_time() {
        let probe = Probe::new(Duration::from_mins(1));
        assert_eq!(probe.known(), None);
        probe.remember(Support::Honoured);
        assert_eq!(probe.known(), Some(Support::Honoured));
        let forgetful = Probe::new(Duration::ZERO);
        forgetful.remember(Support::Honoured);
        assert_eq!(forgetful.known(), None);
    }

    #[test]
    fn only_a_refusal_of_the_filter_speaks_about_it() {
        let refused = RunError::from(RequestError::Refused(400));
        assert!(
            matches!(Support::refused_by(&refused), Some(Support::Unsupported(why)) if why.contains("400"))
        );
        let ignored = RunError::from(AnswerError::FilterIgnored("its rows have no lastModified"));
        assert!(Support::refused_by(&ignored).is_some());
        for other in [RunError::from(AnswerError::WebPage), RequestError::Unauthorized(401).into()] {
            assert_eq!(Support::refused_by(&other), None);
        }
    }
}
