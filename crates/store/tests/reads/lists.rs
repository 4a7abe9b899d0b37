//! Lists: filters, orders, pages; and one premise.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use premise_domain::license::LicenseStatus;
use premise_store::reads::{
    premise_filter::{PremiseFilter, StatusFilter},
    premises,
};
use serde_json::{Value, json};

use crate::support::{Register, T0, at, filter, id, named, today};

fn some_premises() -> Vec<Value> {
    vec![
        json!({"premiseid": 1, "premisename": "Delta", "county": "Nairobi", "constituency": "WESTLANDS",
            "ward": "PARKLANDS", "businesstype": "RETAIL", "ownership": "COMPANY",
            "superintendentcadre": "PHARMACIST", "licensevalidity": "2026-12-31"}),
        json!({"premiseid": 2, "premisename": "ALPHA", "county": "Nairobi", "constituency": "WESTLANDS",
            "ward": "KANGEMI", "businesstype": "WHOLESALE", "ownership": "PARTNERSHIP",
            "superintendentcadre": "PHARMTECH", "licensevalidity": "2025-12-31"}),
        json!({"premiseid": 3, "premisename": "charlie", "county": "Uasin Gishu", "constituency": "TURBO",
            "ward": "KAMAGUT", "businesstype": "RETAIL", "ownership": "COMPANY",
            "superintendentcadre": "PHARMTECH"}),
        json!({"premiseid": 4, "premisename": "ALPHA", "county": "Murang'a", "constituency": "KANDARA",
            "ward": "RUCHU", "businesstype": "RETAIL", "ownership": "PARTNERSHIP",
            "superintendentcadre": "PHARMTECH", "licensevalidity": "2027-12-31"}),
        json!({"premiseid": 5, "premisename": "GONE", "county": "Nairobi", "businesstype": "RETAIL"}),
    ]
}

async fn some_register() -> Register {
    let register = Register::of(&some_premises()).await;
    register.say("deleted", "2026-02-01T00:00:00Z", &json!({"premiseid": 5})).await;
    register
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_active_premises_by_name_unless_asked() {
    let register = some_register().await;
    assert_eq!(register.ids(&PremiseFilter::on(today())).await, [2, 4, 3, 1]);
    assert_eq!(register.ids(&filter(|f| f.status = StatusFilter::Inactive)).await, [5]);
    assert_eq!(register.ids(&filter(|f| f.status = StatusFilter::Any)).await, [2, 4, 3, 1, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_narrows_and_all_must_match() {
    let register = some_register().await;
    let given: [(&[i64], PremiseFilter); 10] = [
        (&[2, 1], filter(|f| f.county = Some("NAIROBI".into()))),
        (&[4], filter(|f| f.county = Some("MURANGA".into()))),
        (&[3], filter(|f| f.constituency = Some("TURBO".into()))),
        (&[1], filter(|f| f.ward = Some("PARKLANDS".into()))),
        (&[2], filter(|f| f.business_type = Some("wholesale".into()))),
        (&[3, 1], filter(|f| f.ownership = Some("COMPANY".into()))),
        (&[2, 4, 3], filter(|f| f.cadre = Some("PHARMTECH".into()))),
        (
            &[4],
            filter(|f| {
                f.business_type = Some("RETAIL".into());
                f.ownership = Some("PARTNERSHIP".into());
            }),
        ),
        (&[], filter(|f| f.county = Some("Lamu".into()))),
        (&[], filter(|f| f.ward = Some("\0".into()))),
    ];
    for (expected, filter) in given {
        assert_eq!(register.ids(&filter).await, expected, "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn licence_status_means_what_the_domain_says() {
    let days = [None, Some(-400), Some(-1), Some(0), Some(1), Some(60), Some(61), Some(400)];
    let premises: Vec<Value> = (1..)
        .zip(days)
        .map(|(id, day)| {
            let validity = day.map(|day| (today() + TimeDelta::days(day)).to_string());
            json!({"premiseid": id, "premisename": "A", "licensevalidity": validity})
        })
        .collect();
    let register = Register::of(&premises).await;
    let mut seen = BTreeSet::new();
    for status in
        [LicenseStatus::Valid, LicenseStatus::Expiring, LicenseStatus::Expired, LicenseStatus::Unknown]
    {
        let page = register.page(&filter(|f| f.license_status = Some(status)), 1, 10).await;
        for row in page.premises {
            assert_eq!(row.license_status(today()), status);
            assert!(seen.insert(row.premise_id.get()));
        }
    }
    assert_eq!(seen.len(), days.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn sorts_by_each_key_both_ways() {
    let register = some_register().await;
    let ward = json!({"premiseid": 2, "ward": "LORESHO"});
    register.say("updated", "2026-03-01T00:00:00Z", &ward).await;
    for (sort, expected) in [
        ("name", [2, 4, 3, 1]),
        ("premiseId", [1, 2, 3, 4]),
        ("licenseValidity", [2, 1, 4, 3]),
        ("changedAt", [1, 3, 4, 2]),
    ] {
        let order = |sort: &str| filter(|f| f.sort = Some(sort.parse().unwrap()));
        assert_eq!(register.ids(&order(sort)).await, expected, "{sort}");
        let mut backwards = expected;
        backwards.reverse();
        assert_eq!(register.ids(&order(&format!("-{sort}"))).await, backwards, "-{sort}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_every_premise_once_though_names_are_equal() {
    let premises: Vec<Value> = (1..=25).map(|id| named(id, "SAME")).collect();
    let register = Register::of(&premises).await;
    let mut seen = Vec::new();
    for number in 1..=3 {
        let page = register.page(&PremiseFilter::on(today()), number, 10).await;
        assert_eq!(page.total, 25);
        seen.extend(page.premises.iter().map(|row| row.premise_id.get()));
    }
    assert_eq!(seen, (1..=25).collect::<Vec<_>>());
    let beyond = register.page(&PremiseFilter::on(today()), 4, 10).await;
    assert_eq!((beyond.premises.len(), beyond.total), (0, 25));
}

#[tokio::test(flavor = "multi_thread")]
async fn finds_one_premise_with_its_provenance() {
    let register = some_register().await;
    let mut connection = register.connection().await;
    let row = premises::find(&mut connection, id(1)).await.unwrap().unwrap();
    assert_eq!((row.name.as_deref(), row.county.as_deref()), (Some("Delta"), Some("Nairobi")));
    assert_eq!(row.license_validity.unwrap().to_string(), "2026-12-31");
    assert_eq!((row.effective_at, row.as_of, row.channel.as_str()), (at(T0), Some(at(T0)), "webhook"));
    assert_eq!((row.is_tombstone, row.first_seen_at), (false, row.changed_at));
    assert!(premises::find(&mut connection, id(5)).await.unwrap().unwrap().is_tombstone);
    assert_eq!(premises::find(&mut connection, id(6)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn debug_output_names_no_person() {
    let data = json!({"premiseid": 1, "premisename": "A", "superintendentname": "KIPLAGAT K AMON"});
    let register = Register::of(&[data]).await;
    let page = register.page(&PremiseFilter::on(today()), 1, 1).await;
    assert_eq!(page.premises[0].superintendent_name.as_deref(), Some("KIPLAGAT K AMON"));
    assert!(!format!("{page:?}").contains("KIPLAGAT"));
}
