//! Wrong answers of PPB, through the API: how the run ends, what the operator reads, and that the register keeps
//! every premise and every field.

use chrono::Utc;
use serde_json::{Value, json};

use crate::ppb::Premises;
use crate::support::{Setup, Whole};
use crate::{SETTINGS, lag_has_passed_since};

const PREMISES: u64 = 400;

/// A register that has the whole catalogue, with PPB's `lastModified` and no webhooks in between.
pub(crate) async fn synced() -> Whole {
    let whole = Whole::start(Setup { premises: PREMISES, seed: 1, settings: &SETTINGS }).await;
    let features = json!({"lastModified": true, "updatedSince": "honoured", "webhooks": {"enabled": false}});
    whole.put("features", features).await;
    assert_eq!(whole.full().await["inserted"], PREMISES);
    whole
}

/// The content of every live premise, and how many changes there ever were.
async fn kept(whole: &Whole) -> (Premises, i64) {
    (whole.register().await, whole.number("SELECT count(*) FROM premise_changes").await)
}

/// A fault, how its run ends, and words that the operator reads.
type Case = (&'static str, Value, &'static str, &'static str, &'static str);

async fn assert_each_harms_nothing(whole: &Whole, path: &str, cases: impl IntoIterator<Item = Case>) {
    let before = kept(whole).await;
    for (fault, parameters, status, code, words) in cases {
        let what = format!("{path} with {fault} {parameters}");
        whole.put("faults", json!({fault: parameters})).await;
        let run = whole.pull(path).await;
        whole.clear_faults().await;
        let told = if status == "held" { &run["heldReason"] } else { &run["error"]["message"] };
        assert_eq!((&run["status"], &run["success"]), (&json!(status), &json!(false)), "{what}: {run}");
        assert_eq!(run["error"]["code"].as_str().unwrap_or_default(), code, "{what}: {run}");
        assert!(told.as_str().unwrap().contains(words), "{what}: {run}");
        assert_eq!(run["deleted"], 0, "{what}: {run}");
        assert!(kept(whole).await == before, "{what} changed the register: {run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_ends_its_run_in_plain_words_and_harms_nothing() {
    let whole = synced().await;
    let cases = [
        ("html-error-page", json!({}), "failed", "answer_web_page", "a web page in place of the catalogue"),
        ("missing-embedded", json!({}), "failed", "answer_no_embedded", "nothing is concluded from it"),
        // An empty list as Spring HATEOAS writes it.
        ("truncate", json!({"limit": 0}), "failed", "answer_no_embedded", "broken or empty"),
        ("truncate", json!({"limit": 300}), "held", "", "100 of 400 live premises are missing"),
        ("renamed-field", json!({"field": "ward"}), "failed", "null_rate_jump", "ward from 0 % to 100 %"),
        (
            "renamed-field",
            json!({"field": "premisename"}),
            "failed",
            "answer_too_many_invalid",
            "premisename",
        ),
        ("renamed-field", json!({"field": "premiseid"}), "failed", "answer_too_many_invalid", "premiseid"),
        ("nulls", json!({"field": "county", "fraction": 0.5}), "failed", "null_rate_jump", "county from 0 %"),
    ];
    assert_each_harms_nothing(&whole, "/sync", cases).await;
    whole.put("features", json!({"answer": "array"})).await;
    let empty = ("truncate", json!({"limit": 0}), "failed", "empty_answer", "without a single premise");
    assert_each_harms_nothing(&whole, "/sync", [empty]).await;
    assert_eq!(whole.full().await["unchanged"], PREMISES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_answer_is_refused_and_takes_nothing_back() {
    let whole = synced().await;
    for id in whole.truth().await.keys().take(20) {
        whole.put(&format!("premises/{id}"), json!({"premisename": format!("RENAMED {id}")})).await;
    }
    assert_eq!(whole.full().await["updated"], 20);
    lag_has_passed_since(Utc::now()).await;
    let stale = ("stale", json!({"seconds": 3_600}), "failed", "stale_answer", "the answer is stale");
    assert_each_harms_nothing(&whole, "/sync", [stale]).await;
    assert!(whole.register().await == whole.truth().await);
}

/// So few premises are missing that the answer is accepted; that it was cut off shows in the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_slightly_truncated_answer_deletes_nothing_as_long_as_the_next_one_is_whole() {
    let whole = synced().await;
    let before = kept(&whole).await;
    for _ in 0..2 {
        whole.put("faults", json!({"truncate": {"limit": 390, "answers": 1}})).await;
        let run = whole.full().await;
        assert_eq!((&run["withheld"], &run["deleted"]), (&json!(10), &json!(0)), "{run}");
        assert!(kept(&whole).await == before, "{run}");
        let run = whole.full().await;
        assert_eq!((&run["unchanged"], &run["withheld"]), (&json!(PREMISES), &json!(0)), "{run}");
        assert!(kept(&whole).await == before, "{run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_to_an_incremental_pull_harms_nothing_either() {
    let whole = synced().await;
    let (web_page, not_read) = ("a web page in place of the catalogue", "answer_too_many_invalid");
    let cases = [
        ("html-error-page", json!({}), "failed", "answer_web_page", web_page),
        ("renamed-field", json!({"field": "premisename"}), "failed", not_read, "premisename: is required"),
    ];
    // The filter is known to be honoured, and something has changed.
    assert_eq!(whole.pull("/incremental-sync").await["status"], "succeeded");
    let id = *whole.truth().await.keys().next().unwrap();
    whole.put(&format!("premises/{id}"), json!({"premisename": "RENAMED"})).await;
    assert_each_harms_nothing(&whole, "/incremental-sync", cases).await;
    // No list is what a filter that nothing passes looks like.
    let before = kept(&whole).await;
    whole.put("faults", json!({"missing-embedded": {"count": 1}})).await;
    let run = whole.pull("/incremental-sync").await;
    assert_eq!((&run["status"], &run["fetched"]), (&json!("succeeded"), &json!(0)), "{run}");
    assert!(kept(&whole).await == before, "{run}");
    let run = whole.pull("/incremental-sync").await;
    assert_eq!(run["updated"], 1, "the empty answer moved no watermark: {run}");
    assert!(whole.register().await == whole.truth().await);
}
