//! No read that people wait for goes through the whole table of premises or of changes.

use std::time::Duration;

use diesel_async::RunQueryDsl;
use premise_domain::license::LicenseStatus;
use premise_store::{
    Connection, Store,
    reads::{
        changes, feed, filter_options,
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

/// Ends the sessions of the store and waits until what they scanned was counted.
async fn end_sessions(sql: &tokio_postgres::Client, store: Store, mut connection: Connection) {
    // A session reports its counts in one go, at the latest when it ends.
    diesel::sql_query("SELECT * FROM marker").execute(&mut connection).await.unwrap();
    drop(connection);
    drop(store);
    let reported = async || scans(sql, "marker").await > 0;
    wait_until(Duration::from_secs(20), "the session's counts", reported).await;
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
    end_sessions(&register.sql, register.store, connection).await;
    assert_eq!(scans(&register.sql, "premises").await, before);
}

/// Changes of many transactions, of which the last is as large as a first pull's. A new server has used
/// more ids than these before anyone connects.
const MANY_CHANGES: &str = "
    CREATE TABLE marker AS SELECT 1;
    INSERT INTO premise_changes (xid, premise_id, kind, new_values, effective_at, channel, source_ref)
    SELECT CASE WHEN n < 10000 THEN n / 20 + 1 ELSE 600 END::text::xid8, n % 5000 + 1, 'updated',
        jsonb_build_object('name', repeat('x', 200)), now(), 'full', gen_random_uuid()
    FROM generate_series(1, 25000) AS n;
    VACUUM (ANALYZE) premise_changes";

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_and_histories_go_by_an_index() {
    let register = Register::empty().await;
    for statement in MANY_CHANGES.split(';') {
        register.run_sql(statement).await;
    }
    let before = scans(&register.sql, "premise_changes").await;
    let mut connection = register.connection().await;
    feed::latest(&mut connection).await.unwrap();
    let (mut after, mut read) = (None, 0);
    loop {
        let page = feed::read(&mut connection, after, 200).await.unwrap();
        if page.changes.is_empty() {
            break;
        }
        read += page.changes.len();
        after = Some(page.next);
    }
    assert_eq!(read, 25_000);
    changes::history(&mut connection, id(17), 20).await.unwrap();
    end_sessions(&register.sql, register.store, connection).await;
    assert_eq!(scans(&register.sql, "premise_changes").await, before);
    let used = "SELECT idx_scan, idx_tup_read FROM pg_stat_user_indexes
        WHERE indexrelname = 'premise_changes_feed'";
    let used = register.sql.query_one(used, &[]).await.unwrap();
    let (scans, entries): (i64, i64) = (used.get(0), used.get(1));
    assert!(scans > 125, "{scans}");
    // Not a page reads what the ones before it read.
    assert!(entries < 26_000, "{entries}");
}
