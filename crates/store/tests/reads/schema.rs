//! The hand-written `schema.rs` against a migrated database.

use std::collections::BTreeSet;

use crate::support::Register;

/// `table.column type [null]`, as `schema.rs` says it.
fn written() -> BTreeSet<String> {
    let mut columns = BTreeSet::new();
    let mut table = "";
    for line in include_str!("../../src/schema.rs").lines().map(str::trim) {
        if let Some((column, kind)) = line.trim_end_matches(',').split_once(" -> ") {
            let bare = kind.strip_prefix("Nullable<").and_then(|kind| kind.strip_suffix('>'));
            let null = if bare.is_some() { " null" } else { "" };
            columns.insert(format!("{table}.{column} {}{null}", postgres_type(bare.unwrap_or(kind))));
        } else if let Some((name, _)) = line.split_once(" (").filter(|_| line.ends_with(") {")) {
            table = name;
        }
    }
    columns
}

fn postgres_type(diesel: &str) -> &str {
    match diesel {
        "BigInt" => "int8",
        "Binary" => "bytea",
        "Bool" => "bool",
        "Date" => "date",
        "Integer" => "int4",
        "Jsonb" => "jsonb",
        "SmallInt" => "int2",
        "Text" => "text",
        "Timestamptz" => "timestamptz",
        "Uuid" => "uuid",
        "Xid8" => "xid8",
        other => panic!("{other} has no type of Postgres here"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_is_as_migrated() {
    let register = Register::empty().await;
    let rows = register
        .sql
        .query(
            "SELECT table_name || '.' || column_name || ' ' || udt_name
                || CASE is_nullable WHEN 'YES' THEN ' null' ELSE '' END
            FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name <> '__diesel_schema_migrations'",
            &[],
        )
        .await
        .unwrap();
    let migrated: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let written = written();
    let only_written: Vec<_> = written.difference(&migrated).collect();
    let only_migrated: Vec<_> = migrated.difference(&written).collect();
    assert!(only_written.is_empty() && only_migrated.is_empty(), "{only_written:?} {only_migrated:?}");
    assert!(written.len() > 80);
}
