//! Dead letters: search and show.
//!
//! The list tells no content and is for viewers; a single one holds the raw body, which names the superintendent,
//! and is for operators.

use actix_web::web::{Data, Json, Path, Query};
use chrono::{DateTime, Utc};
use premise_domain::{PremiseId, source_time};
use premise_store::ReplayVerdict;
use premise_store::reads::dead_letters::{self, DeadLetterFilter};
use serde::Deserialize;

use crate::Api;
use crate::auth::{Operator, Viewer};
use crate::dto::Page;
use crate::dto::dead_letter::{DeadLetterDetail, DeadLetterList, VerdictView};
use crate::error::{ApiError, invalid_query, not_found};

/// Filters of a list. An unknown one is refused: ignored, it would silently widen the answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListQuery {
    page: Option<u32>,
    limit: Option<u32>,
    reason: Option<String>,
    premise_id: Option<String>,
    action: Option<String>,
    status: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

impl ListQuery {
    fn filter(self) -> Result<DeadLetterFilter, ApiError> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let premise_id = given(self.premise_id).map(|text| text.parse::<PremiseId>()).transpose();
        let action = given(self.action).map(|word| word.parse()).transpose();
        let status = given(self.status).map(|word| word.parse()).transpose();
        Ok(DeadLetterFilter {
            reason: given(self.reason),
            premise_id: premise_id.map_err(|e| invalid_query("premiseId", e))?,
            action: action.map_err(|()| invalid_query("action", "must be created, updated or deleted"))?,
            status: status.map_err(|e| invalid_query("status", e))?,
            from: instant("from", given(self.from))?,
            to: instant("to", given(self.to))?,
        })
    }
}

impl ListQuery {
    /// As the filter of a replay, which has no pages and is over open letters.
    pub(super) fn open_only(self) -> Result<DeadLetterFilter, ApiError> {
        if self.page.is_some() || self.limit.is_some() || self.status.is_some() {
            return Err(invalid_query(
                "filter",
                "a replay is over all open letters: no page, limit or status",
            ));
        }
        self.filter()
    }
}

fn instant(name: &'static str, text: Option<String>) -> Result<Option<DateTime<Utc>>, ApiError> {
    let at = text.map(|text| source_time::parse(&text)).transpose();
    Ok(at.map_err(|e| invalid_query(name, e))?.map(|time| time.at))
}

pub(crate) async fn list(
    _: Viewer,
    api: Data<Api>,
    query: Query<ListQuery>,
) -> Result<Json<DeadLetterList>, ApiError> {
    let query = query.into_inner();
    let Page { page, limit } = Page::asked(query.page, query.limit)?;
    let filter = query.filter()?;
    let (rows, total) = dead_letters::list(&mut *api.store.connection().await?, &filter, page, limit).await?;
    Ok(Json(DeadLetterList { dead_letters: rows.into_iter().map(Into::into).collect(), total, page, limit }))
}

/// One with its body and what a replay would do now.
pub(crate) async fn show(
    _: Operator,
    api: Data<Api>,
    letter: Path<i64>,
) -> Result<Json<DeadLetterDetail>, ApiError> {
    let found = dead_letters::find(&mut *api.store.connection().await?, *letter).await?;
    let (row, message) = found.ok_or_else(|| unknown(*letter))?;
    let verdict = api.store.replay_verdict(&message).await?;
    let premise = row.premise_id.and_then(|id| PremiseId::try_from(id).ok());
    let holder = match (&verdict, premise) {
        (ReplayVerdict::Stale, Some(id)) => {
            dead_letters::holder(&mut *api.store.connection().await?, id).await?
        }
        _ => None,
    };
    Ok(Json(DeadLetterDetail::new(row, message, VerdictView::new(verdict, holder))))
}

pub(super) fn unknown(letter: i64) -> ApiError {
    not_found(format!("there is no dead letter {letter}"))
}
