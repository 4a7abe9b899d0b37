//! History, and premises as they were.

use chrono::TimeDelta;
use premise_store::reads::{
    changes::{
        self,
        ChangeKind::{self, Created, Deleted, Reinstated, Updated},
    },
    premise_row::PremiseRow,
    premises,
};
use serde_json::{Value, json};

use crate::support::{Register, at, id};

/// What PPB says of premise 1 over time.
fn story() -> [(&'static str, &'static str, Value); 5] {
    [
        (
            "created",
            "2026-01-01T00:00:00Z",
            json!({"premiseid": 1, "premisename": "A", "county": "Nairobi", "validityyear": 2025}),
        ),
        (
            "updated",
            "2026-01-02T00:00:00Z",
            json!({"premiseid": 1, "premisename": "B", "county": null, "licensevalidity": "2026-12-31"}),
        ),
        ("deleted", "2026-01-03T00:00:00Z", json!({"premiseid": 1})),
        ("updated", "2026-01-04T00:00:00Z", json!({"premiseid": 1, "validityyear": 2026})),
        ("updated", "2026-01-05T00:00:00Z", json!({"premiseid": 1, "licensevalidity": null, "ward": "W"})),
    ]
}

/// Tells the story; returns the register and the premise after each part.
async fn told() -> (Register, Vec<PremiseRow>) {
    let register = Register::empty().await;
    let mut states = Vec::new();
    for (action, timestamp, data) in story() {
        register.say(action, timestamp, &data).await;
        states.push(premises::find(&mut *register.connection().await, id(1)).await.unwrap().unwrap());
    }
    (register, states)
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_newest_first_and_only_of_the_premise() {
    let (register, _) = told().await;
    register.say("created", "2026-01-01T00:00:00Z", &json!({"premiseid": 2, "premisename": "X"})).await;
    let mut connection = register.connection().await;
    let history = changes::history(&mut connection, id(1), 100).await.unwrap();
    let kinds: Vec<ChangeKind> = history.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [Updated, Reinstated, Deleted, Updated, Created]);
    assert!(history.iter().all(|change| change.premise_id == id(1)));
    let renamed = &history[3];
    assert_eq!(renamed.old_values, json!({"name": "A", "county": "Nairobi", "license_validity": null}));
    assert_eq!(renamed.new_values, json!({"name": "B", "county": null, "license_validity": "2026-12-31"}));
    assert_eq!(renamed.effective_at, at("2026-01-02T00:00:00Z"));
    assert_eq!(changes::history(&mut connection, id(1), 2).await.unwrap(), history[..2]);
    assert!(changes::history(&mut connection, id(3), 2).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_state_is_what_was_read_then() {
    let (register, states) = told().await;
    let mut connection = register.connection().await;
    for (then, next) in states.iter().zip(states.iter().skip(1).map(Some).chain([None])) {
        let instants = [Some(then.changed_at), next.map(|next| next.changed_at - TimeDelta::microseconds(1))];
        for instant in instants.into_iter().flatten() {
            let past = changes::as_of(&mut connection, id(1), instant).await.unwrap().unwrap();
            let as_of = next.map_or(then.as_of, |_| None);
            assert!(past == PremiseRow { as_of, ..then.clone() }, "at {instant}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_state_before_the_premise_was_known() {
    let (register, states) = told().await;
    let mut connection = register.connection().await;
    let before = states[0].first_seen_at - TimeDelta::microseconds(1);
    assert_eq!(changes::as_of(&mut connection, id(1), before).await.unwrap(), None);
    assert_eq!(changes::as_of(&mut connection, id(2), states[4].changed_at).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_state_needs_no_change_older_than_itself() {
    let (register, states) = told().await;
    let kept = states[2].changed_at;
    register.sql.execute("DELETE FROM premise_changes WHERE recorded_at <= $1", &[&kept]).await.unwrap();
    let past = changes::as_of(&mut *register.connection().await, id(1), kept).await.unwrap().unwrap();
    assert!(past.is_tombstone);
    assert_eq!((past.name.as_deref(), past.validity_year), (Some("B"), Some(2025)));
}
