//! Rows good and bad, and what they add up to.

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn rules() -> RowRules {
    RowRules {
        run_id: Uuid::nil(),
        reflects_at: at("2026-01-01T00:00:00Z"),
        source_lag: TimeDelta::minutes(15),
        since: None,
        batch_rows: 4,
        max_quarantined: 100,
    }
}

fn assemble(rules: RowRules, rows: &[&str]) -> (Result<Tally, AnswerError>, Vec<Row>) {
    let (sender, mut receiver) = mpsc::channel(1_000);
    let mut assembler = Assembler::new(rules, sender);
    let taken = rows.iter().try_for_each(|raw| assembler.take(raw));
    let result = taken.and_then(|()| assembler.finish());
    let mut all = Vec::new();
    while let Ok(batch) = receiver.try_recv() {
        assert!(batch.len() <= 4);
        all.extend(batch);
    }
    (result, all)
}

const GOOD: &str = r#"{"premiseid":1,"premisename":"A"}"#;

#[test]
fn a_bad_row_is_kept_with_its_key_and_reasons() {
    let mut rows = vec![GOOD; 60];
    rows[7] = r#"{"premiseid":"77","premisename":"B","licensevalidity":"2026-02-30"}"#;
    rows[8] = r#"{"premisename":"B"}"#;
    rows[59] = "17";
    let (tally, all) = assemble(rules(), &rows);
    let tally = tally.unwrap();
    assert_eq!((tally.rows, tally.invalid, tally.without_key), (60, 3, 2));
    assert!(tally.first_errors.unwrap().starts_with("licensevalidity:"));
    assert_eq!(all.len(), 60);
    let Row::Bad(bad) = &all[7] else { panic!("a good row") };
    assert_eq!((bad.premise_id.map(PremiseId::get), bad.raw.as_str()), (Some(77), rows[7]));
    assert!(matches!(&all[59], Row::Bad(bad) if bad.premise_id.is_none()));
}

#[test]
fn odd_timestamps_are_counted_and_those_of_the_future_move_nothing() {
    let row = |stamp: &str| format!(r#"{{"premiseid":1,"premisename":"A","lastModified":"{stamp}"}}"#);
    let rows = ["2025-12-31T10:00:00", "2026-01-01T00:05:01Z", "2026-01-01T00:05:00Z"].map(row);
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let tally = assemble(rules(), &rows).0.unwrap();
    assert_eq!((tally.naive_stamps, tally.future_stamps), (1, 1));
    assert_eq!(tally.last_modified, Some(at("2026-01-01T00:05:00Z")));
}

#[test]
fn more_than_one_in_twenty_is_too_many() {
    let mut rows = vec![GOOD; 20];
    rows[3] = "{}";
    assert!(assemble(rules(), &rows).0.is_ok());
    rows.pop();
    let error = assemble(rules(), &rows).0.unwrap_err();
    assert!(matches!(error, AnswerError::TooManyInvalid { invalid: 1, rows: 19, .. }), "{error:?}");
    let many = vec!["{}"; 200];
    let error = assemble(RowRules { max_quarantined: 5, ..rules() }, &many).0.unwrap_err();
    assert!(matches!(error, AnswerError::TooManyInvalid { invalid: 6, .. }), "given up early: {error:?}");
}

#[test]
fn the_watermark_is_the_latest_believable_stamp() {
    let stamped = |at: &str| format!(r#"{{"premiseid":1,"premisename":"A","lastModified":"{at}"}}"#);
    let rows = ["2025-12-30T00:00:00Z", "2025-12-31T00:00:00Z", "2027-01-01T00:00:00Z"].map(stamped);
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let tally = assemble(rules(), &rows).0.unwrap();
    assert_eq!(tally.last_modified, Some(at("2025-12-31T00:00:00Z")));
    assert_eq!(assemble(rules(), &[GOOD]).0.unwrap().last_modified, None);
}

#[test]
fn a_filter_that_is_not_honoured_is_noticed() {
    let since = |text| RowRules { since: Some(at(text)), ..rules() };
    let stamped = r#"{"premiseid":1,"premisename":"A","lastModified":"2025-12-31T00:00:00Z"}"#;
    assert!(assemble(since("2025-12-31T00:00:00.9Z"), &[stamped]).0.is_ok());
    for (rules, row) in [(since("2025-12-31T00:00:01Z"), stamped), (since("2025-12-31T00:00:00Z"), GOOD)] {
        let error = assemble(rules, &[row]).0.unwrap_err();
        assert!(matches!(error, AnswerError::FilterIgnored(_)), "{error:?}");
    }
}

#[test]
fn what_is_kept_of_a_bad_row_is_bounded() {
    let huge = format!(r#"{{"premiseid":1,"premisename":"{}"}}"#, "é".repeat(10_000));
    let mut rows = vec![GOOD; 30];
    rows[0] = &huge;
    let (_, all) = assemble(rules(), &rows);
    assert!(matches!(&all[0], Row::Bad(bad) if bad.raw.len() <= KEPT_BYTES && bad.premise_id.is_some()));
}
