//! Search: what is found, and in which order.

use premise_domain::license::LicenseStatus;
use premise_store::reads::premise_filter::{PremiseFilter, StatusFilter};
use serde_json::{Value, json};

use crate::support::{Register, filter, named};

fn words(words: &str) -> PremiseFilter {
    filter(|f| f.search = Some(words.into()))
}

async fn chemists() -> Register {
    let superintended = |id: i64, name: &str, number: &str| json!({"premiseid": id, "premisename": name, "superintendentregistrationno": number});
    let premises = [
        named(10, "LIBWOB"),
        named(11, "LIBWOB CHEMIST"),
        named(12, "New Libwob Pharmacy"),
        named(13, "LIBWOP CHEMIST"),
        named(34014, "SUNRISE CHEMIST"),
        superintended(20, "LAKE DRUGS", "34014"),
        superintended(21, "COAST DRUGS", "340145"),
        superintended(22, "RIFT DRUGS", "P/77-a"),
        named(30, "100% CARE"),
        named(31, "100 CARE"),
        named(32, "A_B PHARMA"),
        named(33, "AXB PHARMA"),
    ];
    Register::of(&premises).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_come_first_exact_then_beginning_then_within_then_alike() {
    let register = chemists().await;
    assert_eq!(register.ids(&words("libwob")).await, [10, 11, 12, 13]);
    assert_eq!(register.ids(&words("  LIBWOB chemist ")).await, [11, 13]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_and_registration_numbers_are_found() {
    let register = chemists().await;
    assert_eq!(register.ids(&words("PREMISE-34014")).await, [34014]);
    // By name where both are exact; then the number that only begins so.
    assert_eq!(register.ids(&words("34014")).await, [20, 34014, 21]);
    assert_eq!(register.ids(&words("p/77-A")).await, [22]);
    assert_eq!(register.ids(&words("P/7")).await, [22]);
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_errors_are_forgiven() {
    let register = chemists().await;
    for typed in ["LIBWOB CHEMST", "LIBWB CHEMIST", "LIBWOOB CHEMIST", "chemist libwob", "LIBWOB CHMEIST"] {
        assert_eq!(register.ids(&words(typed)).await.first(), Some(&11), "{typed}");
    }
    assert_eq!(register.ids(&words("SUNRISSE")).await, [34014]);
    // Letters that changed places.
    assert_eq!(register.ids(&words("SUNIRSE")).await, [34014]);
    assert_eq!(register.ids(&words("WAREHOUSE")).await, [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wildcards_mean_themselves() {
    let register = chemists().await;
    assert_eq!(register.ids(&words("100%")).await.first(), Some(&30));
    assert_eq!(register.ids(&words("%")).await, [0; 0]);
    assert_eq!(register.ids(&words("_")).await, [0; 0]);
    assert_eq!(register.ids(&words("A_B")).await.first(), Some(&32));
    assert_eq!(register.ids(&words(r"\")).await, [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_or_two_letters_find_beginnings_only() {
    let register = chemists().await;
    assert_eq!(register.ids(&words("li")).await, [10, 11, 13]);
    assert_eq!(register.ids(&words("c")).await, [21]);
}

#[tokio::test(flavor = "multi_thread")]
async fn blank_words_are_no_search() {
    let register = chemists().await;
    assert_eq!(register.ids(&words("   ")).await.len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_orders_hold_within_a_search() {
    let shop = |id: i64, name: &str, county: &str, validity: &str| -> Value {
        json!({"premiseid": id, "premisename": name, "county": county, "licensevalidity": validity})
    };
    let register = Register::of(&[
        shop(1, "AFYA CHEMIST", "Nairobi", "2027-12-31"),
        shop(2, "BARAKA CHEMIST", "Nairobi", "2025-12-31"),
        shop(3, "CITY CHEMIST", "Lamu", "2025-12-31"),
        shop(4, "CHEMIST AT LAST", "Nairobi", "2026-12-31"),
    ])
    .await;
    register.say("deleted", "2026-02-01T00:00:00Z", &json!({"premiseid": 1})).await;
    assert_eq!(register.ids(&words("chemist")).await, [4, 2, 3]);
    let mut search = words("chemist");
    search.sort = Some("licenseValidity".parse().unwrap());
    assert_eq!(register.ids(&search).await, [2, 3, 4]);
    search.county = Some("Nairobi".into());
    assert_eq!(register.ids(&search).await, [2, 4]);
    search.license_status = Some(LicenseStatus::Expired);
    assert_eq!(register.ids(&search).await, [2]);
    search.status = StatusFilter::Inactive;
    search.license_status = None;
    assert_eq!(register.ids(&search).await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_search_hold_each_match_once() {
    let premises: Vec<Value> = (1..=25).map(|id| named(id, &format!("CHEMIST {}", id % 3))).collect();
    let register = Register::of(&premises).await;
    let mut seen = Vec::new();
    for number in 1..=3 {
        let page = register.page(&words("chemist"), number, 10).await;
        assert_eq!(page.total, 25);
        seen.extend(page.premises.iter().map(|row| row.premise_id.get()));
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=25).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_words_and_odd_ones_are_taken() {
    let register = chemists().await;
    let long = "word ".repeat(300);
    assert_eq!(register.ids(&words(&long)).await, [0; 0]);
    for odd in [
        "'; DROP TABLE premises; --",
        "$1 {filter}",
        "\0\0\0",
        "99999999999999999999",
        "\u{1f48a}\u{1f48a}\u{1f48a}",
    ] {
        assert_eq!(register.ids(&words(odd)).await, [0; 0], "{odd}");
    }
}
