//! Full and incremental, the probe, the watermark and the honest fallback.

use std::collections::BTreeMap;

use premise_domain::sync_run::{Mode, RunStatus};
use premise_testkit::wait_until;
use serde_json::json;

use crate::support::{SOON, Site};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pull_makes_the_register_equal_to_the_catalogue() {
    let site = Site::with_premises(11_543).await;
    let mut puller = site.puller().spawn().await;
    let run = site.pull(Mode::Full).await;
    let counts = run.counts.unwrap();
    assert_eq!(
        (run.status, counts.fetched, counts.inserted),
        (RunStatus::Succeeded, 11_543, 11_543),
        "{run:?}"
    );
    assert_same_names(&site).await;
    let evidence = run.evidence.unwrap();
    assert_eq!((&evidence["status"], &evidence["rows"]), (&json!(200), &json!(11_543)));
    assert_eq!(evidence["sha256"].as_str().unwrap().len(), 64);
    assert!(evidence["date"].is_string() && evidence["complete"] == json!(true), "{evidence}");
    assert!(run.reflects_at.unwrap() < run.finished_at.unwrap());

    rename(&site, 77, "OTHER NAME CHEMIST").await;
    let counts = site.pull(Mode::Full).await.counts.unwrap();
    assert_eq!((counts.updated, counts.unchanged), (1, 11_542), "{counts:?}");
    assert_same_names(&site).await;
    assert_eq!(puller.terminate(SOON).await.code(), Some(0), "{}", puller.output());
}

async fn assert_same_names(site: &Site) {
    let truth: BTreeMap<i64, String> = site
        .truth()
        .await
        .iter()
        .map(|row| (row["premiseid"].as_i64().unwrap(), words(row["premisename"].as_str().unwrap())))
        .collect();
    let register = site.names().await;
    assert!(register == truth, "{} premises of {}", register.len(), truth.len());
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Renames the premise at this place of the catalogue.
async fn rename(site: &Site, at: usize, name: &str) {
    let premise = &site.truth().await[at]["premiseid"];
    site.put(&format!("premises/{premise}"), json!({"premisename": name})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honoured_filter_brings_only_what_changed() {
    let site = Site::new().await;
    site.put("features", json!({"lastModified": true, "updatedSince": "honoured"})).await;
    let _puller = site.puller().spawn().await;
    let first = site.pull(Mode::Incremental).await;
    assert!(first.fallback_reason.unwrap().contains("no watermark"), "nothing was pulled before");
    assert_eq!(first.counts.unwrap().inserted, 300);
    rename(&site, 10, "RENAMED ONCE").await;
    let second = site.pull(Mode::Incremental).await;
    assert_eq!((second.status, &second.fallback_reason), (RunStatus::Succeeded, &None), "{second:?}");
    let counts = second.counts.unwrap();
    assert!(counts.updated == 1 && counts.fetched < 300, "{counts:?}");
    assert!(second.evidence.unwrap()["updatedSince"].is_string());
    // The overlap asks for it again; that changes nothing.
    let third = site.pull(Mode::Incremental).await;
    let counts = third.counts.unwrap();
    assert!(counts.updated == 0 && counts.fetched >= 1, "{counts:?}");
    assert_same_names(&site).await;
    let watermarks = "SELECT count(*) FROM watermarks w JOIN sync_runs r ON r.id = w.run_id
        WHERE w.watermark_at <= r.reflects_at";
    assert_eq!(site.number(watermarks).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_is_not_honoured_leads_to_a_full_pull_that_says_so() {
    let features = [
        (json!({"lastModified": true, "updatedSince": "ignored"}), "older than what was asked for"),
        (json!({"lastModified": false, "updatedSince": "ignored"}), "no lastModified"),
        (json!({"lastModified": true, "updatedSince": "rejected"}), "status 400"),
    ];
    let site = Site::new().await;
    site.put("features", json!({"lastModified": true})).await;
    let _puller = site.puller().env("PREMISE__PULL__PROBE_MEMORY_MINUTES", "0").spawn().await;
    assert_eq!(site.pull(Mode::Full).await.counts.unwrap().inserted, 300);
    for (at, (features, words)) in features.into_iter().enumerate() {
        site.put("features", features).await;
        rename(&site, at, &format!("RENAMED {at}")).await;
        let run = site.pull(Mode::Incremental).await;
        let (reason, counts) = (run.fallback_reason.unwrap(), run.counts.unwrap());
        assert!(reason.contains(words), "{reason}");
        assert_eq!((counts.fetched, counts.updated), (300, 1), "{words}: {counts:?}");
        assert_same_names(&site).await;
    }
}

/// What the probe found is remembered; the answers are still not believed.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_is_lost_later_is_noticed_in_the_answer() {
    let site = Site::new().await;
    site.put("features", json!({"lastModified": true, "updatedSince": "honoured"})).await;
    let _puller = site.puller().spawn().await;
    site.pull(Mode::Full).await;
    assert_eq!(site.pull(Mode::Incremental).await.fallback_reason, None);
    // A change an hour old is before what is asked for next.
    site.put("features", json!({"updatedSince": "ignored"})).await;
    let run = site.pull(Mode::Incremental).await;
    assert!(run.fallback_reason.unwrap().contains("does not honour updatedSince"));
    assert_eq!(run.counts.unwrap().fetched, 300);
    // Remembered, so that the next run does not even try.
    let run = site.pull(Mode::Incremental).await;
    assert!(run.fallback_reason.unwrap().contains("does not honour updatedSince"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_time_is_asked_for_and_moves_no_watermark() {
    let site = Site::new().await;
    site.put("features", json!({"lastModified": true, "updatedSince": "honoured"})).await;
    let _puller = site.puller().spawn().await;
    site.pull(Mode::Full).await;
    let watermark = "SELECT (extract(epoch FROM watermark_at) * 1000000)::bigint FROM watermarks";
    let before = site.number(watermark).await;
    rename(&site, 3, "RENAMED AGAIN").await;
    let id = site.request(Mode::Incremental, Some("2020-01-01T00:00:00Z")).await;
    let run = site.over(id).await;
    assert_eq!(run.evidence.unwrap()["updatedSince"], json!("2020-01-01T00:00:00Z"));
    assert_eq!(run.counts.unwrap().updated, 1);
    assert_eq!(site.number(watermark).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_premise_is_deleted_when_a_second_answer_misses_it_too() {
    let site = Site::new().await;
    let _puller = site.puller().spawn().await;
    site.pull(Mode::Full).await;
    site.remove(2).await;
    let first = site.pull(Mode::Full).await.counts.unwrap();
    assert_eq!((first.withheld, first.deleted, site.register().await.0), (2, 0, 300), "{first:?}");
    let second = site.pull(Mode::Full).await.counts.unwrap();
    assert_eq!((second.deleted, site.register().await.0), (2, 298), "{second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_answer_is_asked_for_without_anyones_request() {
    let site = Site::new().await;
    let _puller = site.puller().env("PREMISE__PULL__CONFIRM_AFTER_MINUTES", "0").spawn().await;
    site.pull(Mode::Full).await;
    site.remove(2).await;
    assert_eq!(site.pull(Mode::Full).await.counts.unwrap().withheld, 2);
    let confirming =
        "SELECT count(*) FROM sync_runs WHERE requested_by = 'delete-confirmation' AND status = 'succeeded'";
    wait_until(SOON, "the confirming run", async || site.number(confirming).await == 1).await;
    assert_eq!(site.register().await.0, 298);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shrunken_catalogue_is_held() {
    let site = Site::new().await;
    let _puller = site.puller().spawn().await;
    site.pull(Mode::Full).await;
    site.remove(16).await;
    for _ in 0..3 {
        let run = site.pull(Mode::Full).await;
        assert_eq!((run.status, run.counts.unwrap().withheld), (RunStatus::Held, 16), "{run:?}");
        assert!(run.held_reason.unwrap().contains("16 of 300") && run.plan_hash.is_some());
    }
    assert_eq!(site.register().await, (300, 300));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_the_same_and_changes_nothing() {
    let site = Site::new().await;
    let _puller = site.puller().spawn().await;
    let dry = site.rehearse(Mode::Full).await;
    assert_eq!((dry.status, site.register().await), (RunStatus::Succeeded, (0, 0)), "{dry:?}");
    assert_eq!(site.pull(Mode::Full).await.counts, dry.counts);
    rename(&site, 7, "RENAMED").await;
    let dry = site.rehearse(Mode::Incremental).await;
    assert_eq!((dry.counts.unwrap().updated, site.register().await), (1, (300, 300)), "{dry:?}");
    assert_eq!(site.pull(Mode::Incremental).await.counts, dry.counts);
}
