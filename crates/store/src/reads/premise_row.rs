//! A premise as the register holds it, with where that came from.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{Queryable, Selectable, pg::Pg};
use premise_domain::{PremiseId, license::LicenseStatus};
use uuid::Uuid;

use crate::schema::premises;

/// One premise. Content fields are `None` where PPB says nothing.
///
/// `Debug` prints no more than the id: the row names a person.
#[derive(Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = premises, check_for_backend(Pg))]
#[expect(missing_docs, reason = "the content columns of `premises`, told in the migrations")]
pub struct PremiseRow {
    #[diesel(deserialize_as = i64)]
    pub premise_id: PremiseId,
    /// Only ever `None` for a premise whose deletion is all we were told.
    pub name: Option<String>,
    pub county: Option<String>,
    pub constituency: Option<String>,
    pub ward: Option<String>,
    pub business_type: Option<String>,
    pub ownership: Option<String>,
    pub superintendent_registration_no: Option<String>,
    /// Personal data.
    pub superintendent_name: Option<String>,
    pub superintendent_cadre: Option<String>,
    /// Last day on which the licence is valid.
    pub license_validity: Option<NaiveDate>,
    pub validity_year: Option<i32>,
    /// What was odd in PPB's words: a list of the words of [`premise_domain::premise::Flag`].
    pub flags: serde_json::Value,
    /// Owned here, as `notes` is; no sync touches them.
    pub gln: Option<String>,
    pub notes: Option<String>,
    /// Deregistered: the premise shows as inactive.
    pub is_tombstone: bool,
    /// Source time from which this holds.
    pub effective_at: DateTime<Utc>,
    /// Source time at which it was said; `None` in a past state, as changes do not keep it.
    #[diesel(deserialize_as = DateTime<Utc>)]
    pub as_of: Option<DateTime<Utc>>,
    /// The road it came by: webhook, full, incremental or feed.
    pub channel: String,
    /// The delivery or the run that brought it.
    pub source_ref: Uuid,
    /// When the register first held the premise.
    pub first_seen_at: DateTime<Utc>,
    /// When the register last changed it.
    pub changed_at: DateTime<Utc>,
}

impl PremiseRow {
    /// Status of its licence on `today`, the Kenyan calendar day.
    pub fn license_status(&self, today: NaiveDate) -> LicenseStatus {
        LicenseStatus::on(today, self.license_validity)
    }
}

impl fmt::Debug for PremiseRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PremiseRow").field("premise_id", &self.premise_id).finish_non_exhaustive()
    }
}
