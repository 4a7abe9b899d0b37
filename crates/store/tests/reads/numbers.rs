//! Statistics, filter options and lag.

use premise_domain::license::LicenseStatus;
use premise_store::reads::{
    filter_options, lag,
    stats::{self, Count, LicenseCount},
};
use serde_json::json;

use crate::support::{Register, at, named, today};

fn counts(given: &[(Option<&str>, i64)]) -> Vec<Count> {
    given.iter().map(|(value, count)| Count { value: value.map(str::to_owned), count: *count }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_active_premises_by_every_field_largest_first() {
    let register = Register::of(&[
        json!({"premiseid": 1, "premisename": "A", "county": "Nairobi", "businesstype": "RETAIL",
            "ownership": "COMPANY", "superintendentcadre": "PHARMTECH", "licensevalidity": "2027-12-31"}),
        json!({"premiseid": 2, "premisename": "B", "county": "Lamu", "businesstype": "RETAIL",
            "ownership": "COMPANY", "superintendentcadre": "PHARMTECH", "licensevalidity": "2026-11-24"}),
        json!({"premiseid": 3, "premisename": "C", "county": "Nairobi", "businesstype": "WHOLESALE",
            "licensevalidity": "2026-11-23"}),
        json!({"premiseid": 4, "premisename": "D", "licensevalidity": "2027-01-23"}),
        json!({"premiseid": 5, "premisename": "E", "county": "Lamu", "licensevalidity": "2027-01-24"}),
        json!({"premiseid": 6, "premisename": "F", "county": "Nairobi"}),
        json!({"premiseid": 7, "premisename": "GONE", "county": "Kisumu", "licensevalidity": "2026-12-31"}),
    ])
    .await;
    register.say("deleted", "2026-02-01T00:00:00Z", &json!({"premiseid": 7})).await;
    let stats = stats::read(&mut *register.connection().await, today()).await.unwrap();
    assert_eq!((stats.active, stats.inactive), (6, 1));
    assert!(stats.last_synced_at.is_some());
    assert_eq!(stats.by_county, counts(&[(Some("Nairobi"), 3), (Some("Lamu"), 2), (None, 1)]));
    assert_eq!(stats.by_business_type, counts(&[(None, 3), (Some("RETAIL"), 2), (Some("WHOLESALE"), 1)]));
    assert_eq!(stats.by_ownership, counts(&[(None, 4), (Some("COMPANY"), 2)]));
    assert_eq!(stats.by_cadre, counts(&[(None, 4), (Some("PHARMTECH"), 2)]));
    let license = |status, count| LicenseCount { status, count };
    assert_eq!(
        stats.by_license_status,
        [
            license(LicenseStatus::Expiring, 2),
            license(LicenseStatus::Valid, 2),
            license(LicenseStatus::Expired, 1),
            license(LicenseStatus::Unknown, 1),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_register_counts_nothing() {
    let register = Register::empty().await;
    let stats = stats::read(&mut *register.connection().await, today()).await.unwrap();
    assert_eq!((stats.active, stats.inactive, stats.last_synced_at), (0, 0, None));
    assert!(stats.by_county.is_empty() && stats.by_license_status.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn filter_options_are_scoped_to_each_other() {
    let place = |id: i64, county: &str, constituency: &str, ward: &str, business: &str| {
        json!({"premiseid": id, "premisename": "A", "county": county, "constituency": constituency,
            "ward": ward, "businesstype": business, "ownership": "COMPANY", "superintendentcadre": "PHARMTECH"})
    };
    let register = Register::of(&[
        place(1, "Nairobi", "WESTLANDS", "PARKLANDS", "RETAIL"),
        place(2, "Nairobi", "WESTLANDS", "KANGEMI", "WHOLESALE"),
        place(3, "Nairobi", "KIBRA", "MAKINA", "RETAIL"),
        place(4, "Murang'a", "KANDARA", "RUCHU", "HOSPITAL"),
        place(5, "Lamu", "LAMU EAST", "FAZA", "DISTRIBUTION"),
        named(6, "NOWHERE"),
    ])
    .await;
    register.say("deleted", "2026-02-01T00:00:00Z", &json!({"premiseid": 5})).await;
    let mut connection = register.connection().await;
    let all = filter_options::read(&mut connection, None, None).await.unwrap();
    assert_eq!(all.counties, ["Murang'a", "Nairobi"]);
    assert_eq!(all.constituencies, ["KANDARA", "KIBRA", "WESTLANDS"]);
    assert_eq!(all.wards, ["KANGEMI", "MAKINA", "PARKLANDS", "RUCHU"]);
    assert_eq!(all.business_types, ["HOSPITAL", "RETAIL", "WHOLESALE"]);
    assert_eq!((all.ownerships, all.cadres), (vec!["COMPANY".into()], vec!["PHARMTECH".into()]));
    let county = filter_options::read(&mut connection, Some("NAIROBI"), None).await.unwrap();
    assert_eq!(county.counties, all.counties);
    assert_eq!(county.constituencies, ["KIBRA", "WESTLANDS"]);
    assert_eq!(county.wards, ["KANGEMI", "MAKINA", "PARKLANDS"]);
    assert_eq!(county.business_types, ["RETAIL", "WHOLESALE"]);
    let inside = filter_options::read(&mut connection, Some("Nairobi"), Some("KIBRA")).await.unwrap();
    assert_eq!(inside.constituencies, ["KIBRA", "WESTLANDS"]);
    assert_eq!((inside.wards, inside.business_types), (vec!["MAKINA".into()], vec!["RETAIL".into()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn filter_options_of_an_empty_register_are_empty() {
    let register = Register::empty().await;
    let options = filter_options::read(&mut *register.connection().await, None, None).await.unwrap();
    assert!(options.counties.is_empty() && options.wards.is_empty() && options.cadres.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_counts_from_the_last_success_of_each_channel() {
    let register = Register::empty().await;
    let mut connection = register.connection().await;
    assert_eq!(lag::read(&mut connection).await.unwrap(), lag::LastSuccesses::default());
    register
        .run_sql(
            "INSERT INTO sync_runs (id, mode, status, requested_by, dry_run, finished_at) VALUES
                (gen_random_uuid(), 'full', 'succeeded', 't', false, '2026-01-01T00:00:00Z'),
                (gen_random_uuid(), 'full', 'succeeded', 't', false, '2026-01-02T00:00:00Z'),
                (gen_random_uuid(), 'full', 'succeeded', 't', true, '2026-01-03T00:00:00Z'),
                (gen_random_uuid(), 'full', 'failed', 't', false, '2026-01-04T00:00:00Z'),
                (gen_random_uuid(), 'incremental', 'succeeded', 't', false, '2026-01-01T12:00:00Z'),
                (gen_random_uuid(), 'full', 'running', 't', false, NULL)",
        )
        .await;
    let successes = lag::read(&mut connection).await.unwrap();
    assert_eq!(successes.full, Some(at("2026-01-02T00:00:00Z")));
    assert_eq!(successes.incremental, Some(at("2026-01-01T12:00:00Z")));
    assert_eq!((successes.webhook, successes.feed), (None, None));
    assert_eq!(successes.newest(), successes.full);
    register.say("created", "2026-01-01T00:00:00Z", &named(1, "A")).await;
    let successes = lag::read(&mut connection).await.unwrap();
    assert!(successes.webhook.is_some());
    assert_eq!(successes.newest(), successes.webhook);
}
