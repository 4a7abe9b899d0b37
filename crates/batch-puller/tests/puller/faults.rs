//! Every fault PPB may have: how the run ends, what the operator reads, and that the register is unharmed.

use premise_domain::sync_run::{Mode, RunStatus};
use serde_json::{Value, json};

use crate::support::{SOON, Site};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_trusted_fails_the_run_and_harms_nothing() {
    let site = Site::new().await;
    let _puller = site.puller().env("PREMISE__PPB__ATTEMPTS", "2").spawn().await;
    assert_eq!(site.pull(Mode::Full).await.status, RunStatus::Succeeded);
    let before = site.register().await;
    assert_eq!(before, (300, 300));
    let cases: [(&str, Value, &str, &str); 10] = [
        ("html-error-page", json!({}), "answer_web_page", "web page"),
        ("missing-embedded", json!({}), "answer_no_embedded", "nothing is concluded"),
        ("cut-body", json!({"at": 0.6}), "answer_cut", "broke off"),
        ("wrong-content-length", json!({"offset": 500}), "answer_cut", "broke off"),
        ("wrong-content-length", json!({"offset": -500}), "answer_cut", "ends in the middle"),
        ("stalled-body", json!({"at": 0.5, "seconds": 30}), "ppb_silent", "silent for 1 s"),
        ("slow-start", json!({"milliseconds": 30_000}), "ppb_no_first_byte", "within 2 s"),
        ("server-errors", json!({"status": 500}), "ppb_faulty", "status 500"),
        ("too-many-requests", json!({"retryAfter": 3_600}), "ppb_rate_limited", "3600 s"),
        ("renamed-field", json!({}), "answer_too_many_invalid", "premisename: is required"),
    ];
    for (fault, parameters, code, words) in cases {
        site.put("faults", json!({fault: parameters})).await;
        let run = site.pull(Mode::Full).await;
        assert_eq!(run.status, RunStatus::Failed, "{fault}: {run:?}");
        assert_eq!(run.error_code.as_deref(), Some(code), "{fault}: {run:?}");
        assert!(run.error_message.as_deref().unwrap().contains(words), "{fault}: {run:?}");
        assert_eq!(site.register().await, before, "{fault}");
        site.clear_faults().await;
    }
    let run = site.pull(Mode::Full).await;
    assert_eq!((run.status, run.counts.unwrap().unchanged), (RunStatus::Succeeded, 300), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_passes_is_waited_out() {
    let site = Site::new().await;
    let puller = site.puller().env("PREMISE__PPB__AUTH", "login").spawn().await;
    let cases: [(&str, Value); 6] = [
        ("server-errors", json!({"count": 5})),
        ("too-many-requests", json!({"count": 1, "retryAfter": 1})),
        ("unauthorized-mid-run", json!({})),
        ("cut-body", json!({"at": 0.6, "answers": 2})),
        ("stalled-body", json!({"seconds": 30, "answers": 1})),
        ("slow-start", json!({"milliseconds": 30_000, "answers": 1})),
    ];
    for (fault, parameters) in cases {
        site.put("faults", json!({fault: parameters})).await;
        let run = site.pull(Mode::Full).await;
        assert_eq!(run.status, RunStatus::Succeeded, "{fault}: {run:?}\n{}", puller.output());
        assert_eq!(run.counts.unwrap().fetched, 300, "{fault}");
        assert_eq!(site.register().await, (300, 300), "{fault}");
        if fault == "too-many-requests" {
            let took = run.finished_at.unwrap() - run.started_at.unwrap();
            assert!(took.num_milliseconds() >= 1_000, "Retry-After was not honoured: {took}");
        }
    }
    assert!(!puller.output().contains("simulated"), "the password is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_takes_as_long_as_it_needs() {
    let site = Site::new().await;
    let _puller = site.puller().spawn().await;
    // Above the silence timeout in total, far below it between two pieces.
    site.put("faults", json!({"slow-body": {"bytesPerSecond": 30_000}})).await;
    let run = site.pull(Mode::Full).await;
    assert_eq!((run.status, run.counts.unwrap().inserted), (RunStatus::Succeeded, 300), "{run:?}");
    let took = run.finished_at.unwrap() - run.started_at.unwrap();
    assert!(took.num_milliseconds() > 2_000, "{took}");
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_rows_are_kept_aside_and_the_others_applied() {
    let site = Site::new().await;
    let _puller = site.puller().spawn().await;
    site.put("faults", json!({"renamed-field": {"fraction": 0.02}})).await;
    let run = site.pull(Mode::Full).await;
    let counts = run.counts.unwrap();
    assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
    assert!(counts.quarantined > 0 && counts.inserted + counts.quarantined == 300, "{counts:?}");
    let kept = "SELECT count(*) FROM quarantined_rows WHERE premise_id > 0 AND raw LIKE '%\"name\"%'
        AND errors->0->>'field' = 'premisename'";
    assert_eq!(site.number(kept).await, counts.quarantined);
    site.clear_faults().await;
    site.put("faults", json!({"duplicate-keys": {"count": 3}})).await;
    let counts = site.pull(Mode::Full).await.counts.unwrap();
    assert_eq!((counts.fetched, counts.collapsed), (303, 3), "{counts:?}");
    assert_eq!(site.register().await, (300, 300));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_strings_and_both_forms_of_the_answer_are_read() {
    let site = Site::new().await;
    let _puller = site.puller().spawn().await;
    site.put("faults", json!({"retyped-field": {}})).await;
    assert_eq!(site.pull(Mode::Full).await.counts.unwrap().inserted, 300);
    site.clear_faults().await;
    site.put("features", json!({"answer": "array", "gzip": true})).await;
    let run = site.pull(Mode::Full).await;
    assert_eq!(run.counts.unwrap().unchanged, 300, "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_as_long_as_the_limit_is_not_trusted() {
    let site = Site::new().await;
    let mut puller = site.puller().env("PREMISE__PPB__LIMIT", "300").spawn().await;
    let run = site.pull(Mode::Full).await;
    assert_eq!(run.error_code.as_deref(), Some("answer_limit_reached"), "{run:?}");
    assert!(run.error_message.unwrap().contains("raise ppb.limit"));
    assert_eq!(site.register().await, (0, 0));
    assert_eq!(puller.terminate(SOON).await.code(), Some(0));
    let _patient = site.puller().env("PREMISE__PPB__LIMIT", "301").spawn().await;
    assert_eq!(site.pull(Mode::Full).await.counts.unwrap().inserted, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_told_and_not_tried_again_and_again() {
    let site = Site::new().await;
    let wrong = site.puller().env("PREMISE__PPB__PASSWORD", "guessed");
    let puller = wrong.env("PREMISE__PPB__AUTH", "login").spawn().await;
    let run = site.pull(Mode::Full).await;
    assert_eq!(run.error_code.as_deref(), Some("ppb_unauthorized"), "{run:?}");
    assert!(run.error_message.unwrap().contains("ppb.password"));
    assert!(!puller.output().contains("guessed"));
}
