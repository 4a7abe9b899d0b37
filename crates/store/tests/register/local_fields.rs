//! GLN and notes: set by operators, touched by nothing else.

use chrono::TimeDelta;
use premise_domain::{PremiseId, premise::Field};
use premise_store::{
    Policy, WebhookOutcome,
    local_fields::{LocalFields, Notes, set},
    reads::premise_row::PremiseRow,
};
use serde_json::Value;

use crate::support::{Register, deleted, delivery, row, updated};

const GLN: &str = "6291041500213";
const T1: &str = "2026-01-01T10:00:00Z";
const T2: &str = "2026-01-01T11:00:00Z";

async fn set_on(register: &Register, id: i64, fields: &LocalFields) -> Option<PremiseRow> {
    let mut connection = register.store.connection().await.unwrap();
    set(&mut connection, PremiseId::try_from(id).unwrap(), fields).await.unwrap()
}

fn both() -> LocalFields {
    LocalFields {
        gln: Field::Value(GLN.parse().unwrap()),
        notes: Field::Value(Notes::new("gate B").unwrap()),
    }
}

fn local(row: &PremiseRow) -> (Option<&str>, Option<&str>) {
    (row.gln.as_deref(), row.notes.as_deref())
}

async fn say(register: &Register, body: &Value) -> WebhookOutcome {
    register.store.apply_webhooks(&[delivery(body)]).await.unwrap()[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_absent_is_kept_and_null_clears() {
    let register = Register::empty().await;
    say(&register, &updated(1, T1, "A")).await;
    say(&register, &updated(2, T1, "B")).await;
    let said = set_on(&register, 1, &both()).await.unwrap();
    assert_eq!((local(&said), said.name.as_deref()), ((Some(GLN), Some("gate B")), Some("A")));
    let kept = set_on(&register, 1, &LocalFields::default()).await.unwrap();
    assert_eq!(local(&kept), (Some(GLN), Some("gate B")));
    let cleared = LocalFields { gln: Field::Null, notes: Field::Absent };
    assert_eq!(local(&set_on(&register, 1, &cleared).await.unwrap()), (None, Some("gate B")));
    let cleared = LocalFields { gln: Field::Absent, notes: Field::Null };
    assert_eq!(local(&set_on(&register, 1, &cleared).await.unwrap()), (None, None));
    assert_eq!(register.number("SELECT count(*) FROM premises WHERE gln IS NOT NULL").await, 0);
    assert_eq!(register.number("SELECT count(*) FROM premise_changes").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_premise_is_not_made_by_it() {
    let register = Register::empty().await;
    for fields in [both(), LocalFields::default()] {
        assert!(set_on(&register, 9, &fields).await.is_none());
    }
    assert_eq!(register.number("SELECT count(*) FROM premises").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sync_touches_them_on_any_road_of_a_premise() {
    let register = Register::empty().await;
    let once = Policy { delete_confirmations: 1, ..Policy::default() };
    let rows = [row(1, "PULLED"), row(2, "OTHER"), row(3, "OTHER")];
    say(&register, &updated(1, T1, "A")).await;
    set_on(&register, 1, &both()).await.unwrap();
    let untouched = async |road: &str| {
        let statement = format!(
            "SELECT count(*) FROM premises WHERE premise_id = 1 AND gln = '{GLN}' AND notes = 'gate B'"
        );
        assert_eq!(register.number(&statement).await, 1, "{road}");
    };
    assert_eq!(say(&register, &updated(1, T2, "B")).await, WebhookOutcome::Updated);
    untouched("updated by a webhook").await;
    assert_eq!(register.pull("2026-01-02T00:00:00Z", &rows).await.updated, 1);
    untouched("updated by a pull").await;
    assert_eq!(say(&register, &deleted(1, "2026-01-03T00:00:00Z")).await, WebhookOutcome::Deleted);
    untouched("deleted by a webhook").await;
    assert_eq!(register.pull("2026-01-04T00:00:00Z", &rows).await.reinstated, 1);
    untouched("reinstated by a pull").await;
    let absent = register.pull_with("2026-01-05T00:00:00Z", &rows[1..], &once).await.unwrap();
    assert_eq!(absent.counts.deleted, 1);
    untouched("deleted by absence").await;
    assert_eq!(register.store.remove_tombstones(TimeDelta::seconds(-60)).await.unwrap(), 0);
    untouched("left by the removal of old tombstones").await;
    assert_eq!(say(&register, &updated(1, "2026-01-06T00:00:00Z", "C")).await, WebhookOutcome::Reinstated);
    untouched("reinstated by a webhook").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_without_them_is_removed() {
    let register = Register::empty().await;
    let once = Policy { delete_confirmations: 1, ..Policy::default() };
    register.pull("2026-01-01T00:00:00Z", &[row(1, "A"), row(2, "B")]).await;
    register.pull_with("2026-01-02T00:00:00Z", &[row(2, "B")], &once).await.unwrap();
    assert_eq!(register.store.remove_tombstones(TimeDelta::seconds(-60)).await.unwrap(), 1);
}
