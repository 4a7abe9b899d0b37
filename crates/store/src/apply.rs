//! The one apply statement, for a batch of events and for the rows of a pull alike.
//!
//! The text is `apply.sql`; only where the statements come from, which rows need no look and how
//! the outcome is told differ between the two roads.

use std::sync::LazyLock;

const APPLY: &str = include_str!("apply/apply.sql");

/// Events: parallel arrays, `$2` to `$11`; tells the outcome of each.
pub(crate) static APPLY_EVENTS: LazyLock<String> = LazyLock::new(|| {
    fill(
        "SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[], $5::boolean[], $6::timestamptz[],
             $7::bytea[], $8::text[], $9::text[], $10::uuid[],
             $11::timestamptz[]) AS e (ord, premise_id, effective_at, is_tombstone, as_of, rank_hash, document, raw,
             source_ref, source_modified_at)
         CROSS JOIN (SELECT 0::smallint AS rank_class, 0::bigint AS rank_sequence) AS constants",
        "",
        "SELECT ord, outcome FROM outcomes",
    )
});

/// Rows of a pull, staged in `staged_rows`: `$2` the answer's r, `$3` its floor r - S, `$4`
/// whether it is an accepted complete snapshot, `$5` the run; tells how many had each outcome.
/// In an accepted snapshot the floor confirms what it does not state as modified later (class 1),
/// and of that, equal content is not even written (a tombstone has no content hash).
pub(crate) static APPLY_ROWS: LazyLock<String> = LazyLock::new(|| {
    fill(
        "SELECT ord, premise_id, effective_at,
             (CASE WHEN $4::boolean AND effective_at <= $3::timestamptz THEN 1 ELSE 0 END)::smallint AS rank_class,
             false AS is_tombstone, $2::timestamptz AS as_of, 0::bigint AS rank_sequence, rank_hash, document, raw,
             $5::uuid AS source_ref, modified_at AS source_modified_at
         FROM staged_rows",
        "WHERE NOT (s.rank_class = 1 AND EXISTS (
             SELECT FROM premises p
             WHERE p.premise_id = s.premise_id AND p.content_hash = s.rank_hash))",
        "SELECT outcome, count(*) FROM outcomes GROUP BY outcome",
    )
});

fn fill(source: &str, unchanged: &str, tail: &str) -> String {
    APPLY.replace("{source}", source).replace("{unchanged}", unchanged).replace("{tail}", tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gap_of_the_statement_is_filled() {
        for statement in [&*APPLY_EVENTS, &*APPLY_ROWS] {
            let body = statement.split("WITH staged AS").nth(1).unwrap();
            assert!(!body.contains("{source}") && !body.contains("{unchanged}") && !body.contains("{tail}"));
        }
    }
}
