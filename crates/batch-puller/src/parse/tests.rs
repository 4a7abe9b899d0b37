//! Every shape a document can have, in whole and in pieces.

use super::*;

const MAX_ROW: usize = 4096;

fn parse(text: &str) -> (Result<Document, AnswerError>, Vec<String>) {
    let mut rows = Vec::new();
    let mut keep = |raw: &str| {
        rows.push(raw.to_owned());
        Ok(())
    };
    let result = document(Source::new(text.as_bytes(), MAX_ROW), &mut keep);
    (result, rows)
}

fn fails(text: &str) -> AnswerError {
    parse(text).0.unwrap_err()
}

fn hal(list: &str) -> String {
    format!(r#"{{"_embedded":{{"vwApiCurrentPremiseList":{list}}}}}"#)
}

#[test]
fn reads_hal_and_the_bare_list() {
    let list = r#"[ {"premiseid":1, "a":"]}\"é"},{"premiseid":2} , 3]"#;
    let rows = [r#"{"premiseid":1, "a":"]}\"é"}"#, r#"{"premiseid":2}"#, "3"];
    for text in [list.to_owned(), hal(list), format!("\u{feff}\n {}\n", hal(list))] {
        let (result, found) = parse(&text);
        assert_eq!(result.unwrap().list, List::Present, "{text}");
        assert_eq!(found, rows, "{text}");
    }
}

#[test]
fn passes_over_what_surrounds_the_list() {
    let text = r#"{"page":{"size":2},"_embedded":{"other":[1],"vwApiCurrentPremiseList":[{"premiseid":1}],"x":{}},
        "_links":{"self":{"href":"x"},"next":null},"took":3}"#;
    let (result, rows) = parse(text);
    let document = result.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(document, Document { list: List::Present, has_next: false, has_other: true });
}

#[test]
fn sees_a_next_page() {
    let text = r#"{"_links":{"next":{"href":"x"}},"_embedded":{"vwApiCurrentPremiseList":[]}}"#;
    assert!(parse(text).0.unwrap().has_next);
}

#[test]
fn tells_an_absent_list_from_an_empty_one() {
    assert_eq!(parse(&hal("[]")).0.unwrap().list, List::Present);
    assert_eq!(parse("[]").0.unwrap().list, List::Present);
    for text in ["{}", r#"{"_links":{"self":{"href":"x"}},"page":{}}"#] {
        let document = parse(text).0.unwrap();
        assert!(document.list == List::NoEmbedded && document.may_be_empty_list(), "{text}");
    }
    for (text, list) in [
        (r#"{"error":"down"}"#, List::NoEmbedded),
        (r#"{"_embedded":{}}"#, List::Missing),
        (r#"{"_embedded":{"renamed":[{}]}}"#, List::Missing),
    ] {
        let document = parse(text).0.unwrap();
        assert!(document.list == list && !document.may_be_empty_list(), "{text}");
    }
}

#[test]
fn a_list_of_another_kind_is_no_list() {
    let twice = r#"{"_embedded":{"vwApiCurrentPremiseList":[],"vwApiCurrentPremiseList":[]}}"#;
    let embedded = r#""_embedded":{"vwApiCurrentPremiseList":[]}"#;
    let embedded_twice = format!("{{{embedded},{embedded}}}");
    for text in [
        &hal("{}"),
        &hal("null"),
        &hal("\"x\""),
        r#"{"_embedded":[]}"#,
        r#"{"_embedded":null}"#,
        twice,
        &embedded_twice,
    ] {
        assert_eq!(fails(text), AnswerError::NoList, "{text}");
    }
}

#[test]
fn tells_what_is_no_catalogue_at_all() {
    for text in ["<!DOCTYPE html><p>Service Unavailable", " \n<html>", "<?xml version='1.0'?>"] {
        assert_eq!(fails(text), AnswerError::WebPage, "{text}");
    }
    for text in ["", "  \n "] {
        assert_eq!(fails(text), AnswerError::Empty, "{text:?}");
    }
    for text in ["null", "\"x\"", "12", "Service Unavailable"] {
        assert_eq!(fails(text), AnswerError::NotJson, "{text}");
    }
}

#[test]
fn every_cut_is_seen() {
    let whole = hal(r#"[{"premiseid":1,"a":"é"},{"premiseid":2,"n":[1.5e3,true,null]}]"#);
    for end in 1..whole.len() {
        let mut none = |_: &str| Ok(());
        let source = Source::new(&whole.as_bytes()[..end], MAX_ROW);
        let error = document(source, &mut none).unwrap_err();
        assert!(matches!(error, AnswerError::Cut { .. }), "cut at {end}: {error:?}");
    }
    assert_eq!(fails(&whole[..whole.len() - 3]), AnswerError::Cut { rows: 2 });
}

#[test]
fn what_follows_the_end_is_refused() {
    for tail in ["x", "{}", "[]", "</html>", ","] {
        assert_eq!(fails(&format!("{} {tail}", hal("[1]"))), AnswerError::Trailing { rows: 1 }, "{tail}");
    }
}

#[test]
fn damage_is_told_with_its_place() {
    let error = fails(&hal("[{\"premiseid\":1},\n{\"premiseid\":2,}]"));
    assert_eq!(error, AnswerError::Malformed { line: 2, column: 16, rows: 1 });
    let mut bytes = hal("[{\"a\":\"x\"}]").into_bytes();
    let at = bytes.iter().position(|b| *b == b'x').unwrap();
    bytes[at] = 0xff;
    let error = document(Source::new(bytes.as_slice(), MAX_ROW), &mut |_| Ok(())).unwrap_err();
    assert!(matches!(error, AnswerError::Malformed { rows: 0, .. }), "{error:?}");
}

#[test]
fn a_row_that_never_ends_is_given_up_and_many_rows_are_not() {
    let long = hal(&format!("[{{\"a\":\"{}\"}}]", "x".repeat(2 * MAX_ROW)));
    assert_eq!(fails(&long), AnswerError::RowTooLong { limit: MAX_ROW });
    let many = hal(&format!("[1{}]", ",{\"a\":\"x\"}".repeat(MAX_ROW)));
    let mut rows = 0;
    let mut count = |_: &str| {
        rows += 1;
        Ok(())
    };
    document(Source::new(many.as_bytes(), MAX_ROW), &mut count).unwrap();
    assert_eq!(rows, MAX_ROW + 1);
}

#[test]
fn the_reason_of_the_receiver_ends_the_reading() {
    let mut refuse = |_: &str| Err(AnswerError::FilterIgnored("because"));
    let result = document(Source::new(hal("[1,2]").as_bytes(), MAX_ROW), &mut refuse);
    assert_eq!(result.unwrap_err(), AnswerError::FilterIgnored("because"));
}
