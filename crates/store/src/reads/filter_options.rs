//! The values a list can be filtered by, as far as active premises have them.

use diesel::{
    QueryableByName,
    sql_types::{Array, Nullable, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use premise_domain::county::official_name;

use super::{comparable, named};
use crate::StoreError;

/// Values in use, each list sorted.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct FilterOptions {
    /// All counties, whatever the scope, so that another can be chosen.
    #[diesel(sql_type = Array<Text>)]
    pub counties: Vec<String>,
    /// Constituencies of the county.
    #[diesel(sql_type = Array<Text>)]
    pub constituencies: Vec<String>,
    /// Wards of the county and the constituency.
    #[diesel(sql_type = Array<Text>)]
    pub wards: Vec<String>,
    /// Business types within the scope.
    #[diesel(sql_type = Array<Text>)]
    pub business_types: Vec<String>,
    /// Ownerships within the scope.
    #[diesel(sql_type = Array<Text>)]
    pub ownerships: Vec<String>,
    /// Cadres of superintendents within the scope.
    #[diesel(sql_type = Array<Text>)]
    pub cadres: Vec<String>,
}

/// Values in use within a county and a constituency, or everywhere. The county may be in any
/// spelling of its official name.
pub async fn read(
    conn: &mut AsyncPgConnection,
    county: Option<&str>,
    constituency: Option<&str>,
) -> Result<FilterOptions, StoreError> {
    let options = diesel::sql_query(include_str!("sql/filter_options.sql"))
        .bind::<Nullable<Text>, _>(county.map(|name| comparable(official_name(name).unwrap_or(name))))
        .bind::<Nullable<Text>, _>(constituency.map(comparable))
        .get_result(conn)
        .await;
    named("read the filter options", options)
}
