//! Lists of premises, one premise, its history.

use actix_web::Either;
use actix_web::web::{Data, Json, Path, Query};
use chrono::{NaiveDate, Utc};
use premise_domain::PremiseId;
use premise_domain::license::LicenseStatus;
use premise_domain::source_time::{self, kenyan_day};
use premise_store::reads::premise_filter::PremiseFilter;
use premise_store::reads::{changes, premises};
use serde::Deserialize;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::Page;
use crate::dto::premise::{History, PremiseList, PremiseView};
use crate::error::{ApiError, invalid_query, not_found};

/// Filters of a list. An unknown one is refused: ignored, it would silently widen the answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListQuery {
    page: Option<u32>,
    limit: Option<u32>,
    search: Option<String>,
    county: Option<String>,
    constituency: Option<String>,
    ward: Option<String>,
    business_type: Option<String>,
    ownership: Option<String>,
    cadre: Option<String>,
    status: Option<String>,
    license_status: Option<LicenseStatus>,
    sort: Option<String>,
}

impl ListQuery {
    fn filter(self, today: NaiveDate) -> Result<PremiseFilter, ApiError> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let status = given(self.status).map(|word| word.parse()).transpose();
        let sort = given(self.sort).map(|word| word.parse()).transpose();
        Ok(PremiseFilter {
            search: given(self.search),
            county: given(self.county),
            constituency: given(self.constituency),
            ward: given(self.ward),
            business_type: given(self.business_type),
            ownership: given(self.ownership),
            cadre: given(self.cadre),
            status: status.map_err(|e| invalid_query("status", e))?.unwrap_or_default(),
            license_status: self.license_status,
            sort: sort.map_err(|e| invalid_query("sort", e))?,
            today,
        })
    }
}

pub(crate) async fn list(
    _: Viewer,
    api: Data<Api>,
    query: Query<ListQuery>,
) -> Result<Json<PremiseList>, ApiError> {
    let query = query.into_inner();
    let Page { page, limit } = Page::asked(query.page, query.limit)?;
    let today = kenyan_day(Utc::now());
    let filter = query.filter(today)?;
    let found = premises::list(&mut *api.store.connection().await?, &filter, page, limit).await?;
    Ok(Json(PremiseList {
        premises: found.premises.into_iter().map(|row| PremiseView::new(row, today)).collect(),
        total: found.total,
        total_is_limit: found.total_is_limit,
        page,
        limit,
    }))
}

pub(crate) async fn show(_: Viewer, api: Data<Api>, id: Path<String>) -> Result<Json<PremiseView>, ApiError> {
    let id = premise_id(&id)?;
    let found = premises::find(&mut *api.store.connection().await?, id).await?;
    let row = found.ok_or_else(|| unknown(id))?;
    Ok(Json(PremiseView::new(row, kenyan_day(Utc::now()))))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    limit: Option<u32>,
    as_of: Option<String>,
}

/// The latest changes, or with `asOf` the premise as it stood.
pub(crate) async fn history(
    _: Viewer,
    api: Data<Api>,
    id: Path<String>,
    query: Query<HistoryQuery>,
) -> Result<Either<Json<PremiseView>, Json<History>>, ApiError> {
    let id = premise_id(&id)?;
    let Page { limit, .. } = Page::asked(None, query.limit)?;
    let mut connection = api.store.connection().await?;
    if let Some(text) = &query.as_of {
        let at = source_time::parse(text).map_err(|e| invalid_query("asOf", e))?.at;
        let row = changes::as_of(&mut connection, id, at).await?;
        let row = row.ok_or_else(|| not_found(format!("the register did not know {id} at that time")))?;
        return Ok(Either::Left(Json(PremiseView::new(row, kenyan_day(at)))));
    }
    let rows = changes::history(&mut connection, id, limit).await?;
    if rows.is_empty() && premises::find(&mut connection, id).await?.is_none() {
        return Err(unknown(id));
    }
    let changes = rows.into_iter().map(Into::into).collect();
    Ok(Either::Right(Json(History { premise_id: id.to_string(), changes, limit })))
}

/// The route lets only digits through; a number too large is still no premise.
pub(super) fn premise_id(text: &str) -> Result<PremiseId, ApiError> {
    text.parse().map_err(|_| not_found(format!("{text} is no premise id")))
}

pub(super) fn unknown(id: PremiseId) -> ApiError {
    not_found(format!("PPB never told of {id}"))
}
