//! No read that people wait for goes through the whole table of premises.

use std::time::Duration;

use diesel_async::RunQueryDsl;
use premise_domain::license::LicenseStatus;
use premise_store::{
    Connection,
    reads::{
        filter_options,
        premise_filter::{PremiseFilter, StatusFilter},
        premises, stats,
    },
};
use premise_testkit::wait_until;

use crate::support::{Register, filter, id, today};

/// A fortieth of a million premises, as unevenly spread as real ones; the table is far larger than its
/// indexes.
const MANY: &str = "
    INSERT INTO premises (premise_id, name, county, constituency, ward, business_type, ownership,
        superintendent_registration_no, superintendent_cadre, license_validity, raw, effective_at, rank_class,
        is_tombstone, as_of, rank_sequence, rank_hash, channel, source_ref, changed_at)
    SELECT n, (ARRAY['AFYA', 'BARAKA', 'LIBWOB', 'SUNRISE', 'UZIMA'])[1 + n % 5] || ' ' || md5(n::text) || ' '
            || (ARRAY['CHEMIST', 'PHARMACY', 'MEDICAL STORES'])[1 + n % 3],
        'County ' || width_bucket(sqrt(n % 1000), 0, 32, 47), 'Constituency ' || n % 290, 'Ward ' || n % 1450,
        CASE n % 20 WHEN 0 THEN 'HOSPITAL' WHEN 1 THEN 'WHOLESALE' ELSE 'RETAIL' END,
        CASE n % 10 WHEN 0 THEN 'GOVERNMENT' ELSE 'COMPANY' END, (n % 9000)::text,
        CASE n % 3 WHEN 0 THEN 'PHARMACIST' ELSE 'PHARMTECH' END,
        CASE WHEN n % 50 > 0 THEN date '2026-12-31' - (n % 30) * 20 END, repeat('x', 400), now(), 0, n % 40 = 0,
        now(), 0, '', 'full', gen_random_uuid(), now() - n * interval '1 minute'
    FROM generate_series(1, 25000) AS n;
    VACUUM (ANALYZE) premises;
    CREATE TABLE marker AS SELECT 1";

fn filters() -> Vec<PremiseFilter> {
    let mut filters = vec![
        filter(|_| ()),
        filter(|f| f.county = Some("County 40".into())),
        filter(|f| f.constituency = Some("Constituency 7".into())),
        filter(|f| f.ward = Some("Ward 7".into())),
        filter(|f| f.business_type = Some("RETAIL".into())),
        filter(|f| f.business_type = Some("HOSPITAL".into())),
        filter(|f| f.ownership = Some("GOVERNMENT".into())),
        filter(|f| f.cadre = Some("PHARMACIST".into())),
        filter(|f| f.status = StatusFilter::Inactive),
        filter(|f| f.status = StatusFilter::Any),
    ];
    for status in
        [LicenseStatus::Valid, LicenseStatus::Expiring, LicenseStatus::Expired, LicenseStatus::Unknown]
    {
        filters.push(filter(|f| f.license_status = Some(status)));
    }
    filters
}

async fn read_everything(connection: &mut Connection) {
    for given in filters() {
        for sort in ["name", "-premiseId", "licenseValidity", "-changedAt"] {
            let mut given = given.clone();
            given.sort = Some(sort.parse().unwrap());
            premises::list(connection, &given, 1, 50).await.unwrap();
        }
        for words in ["17", "LIBWOB", "chemist", "libwop", "SUNRISSE 00 CHEMST", "a", "nothing of it"] {
            let mut given = given.clone();
            given.search = Some(words.into());
            premises::list(connection, &given, 1, 50).await.unwrap();
        }
    }
    premises::find(connection, id(17)).await.unwrap();
    stats::read(connection, today()).await.unwrap();
    filter_options::read(connection, None, None).await.unwrap();
    filter_options::read(connection, Some("County 40"), Some("Constituency 7")).await.unwrap();
}

async fn scans(sql: &tokio_postgres::Client, table: &str) -> i64 {
    let statement = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = $1";
    sql.query_one(statement, &[&table]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_search_counts_and_options_go_by_an_index() {
    let register = Register::empty().await;
    for statement in MANY.split(';') {
        register.run_sql(statement).await;
    }
    let before = scans(&register.sql, "premises").await;
    let mut connection = register.connection().await;
    read_everything(&mut connection).await;
    // A session reports its counts in one go, at the latest when it ends.
    diesel::sql_query("SELECT * FROM marker").execute(&mut connection).await.unwrap();
    drop(connection);
    drop(register.store);
    let reported = async || scans(&register.sql, "marker").await > 0;
    wait_until(Duration::from_secs(20), "the session's counts", reported).await;
    assert_eq!(scans(&register.sql, "premises").await, before);
}
