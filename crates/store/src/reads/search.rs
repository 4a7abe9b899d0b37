//! Finding premises by words, typing errors included.

use std::sync::LazyLock;

use diesel::{
    QueryResult,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use premise_domain::PremiseId;

use super::{
    premise_filter::PremiseFilter,
    premises::{Found, filtered},
};

/// Most premises that one search ranks and counts; more than the whole register of today.
pub(super) const MOST_FOUND: i64 = 20_000;

/// How alike (0 to 1, `word_similarity` of `pg_trgm`) a name must be to count as meant.
const LIKENESS: &str = "0.5";

/// The fewest characters that a trigram index can look up inside a name.
const SHORTEST_INSIDE: usize = 3;

const RELEVANCE: &str = r#"tier, unlikeness, lower(name) COLLATE "C", premise_id"#;

/// What the words say exactly, or begin.
const BEGINS: &str = r#"(premise_id = $18 OR lower(superintendent_registration_no) COLLATE "C" LIKE lower($14)
    OR lower(name) COLLATE "C" LIKE lower($14))"#;

static SEARCH: LazyLock<String> =
    LazyLock::new(|| include_str!("sql/search.sql").replace("{begins}", BEGINS));

/// A page of the premises that `words` find, within a transaction.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    words: &str,
    filter: &PremiseFilter,
    window: (i64, i64),
) -> QueryResult<Found> {
    diesel::sql_query("SELECT set_config('pg_trgm.word_similarity_threshold', $1, true)")
        .bind::<Text, _>(LIKENESS)
        .execute(conn)
        .await?;
    let order = filter.sort.map_or(RELEVANCE, |sort| sort.order());
    let literal = literal(words);
    filtered(&SEARCH, order, filter, window)
        .bind::<Text, _>(words.to_owned())
        .bind::<Text, _>(format!("{literal}%"))
        .bind::<Text, _>(format!("%{literal}%"))
        .bind::<Bool, _>(words.chars().count() >= SHORTEST_INSIDE)
        .bind::<BigInt, _>(MOST_FOUND)
        .bind::<Nullable<BigInt>, _>(words.parse::<PremiseId>().ok().map(PremiseId::get))
        .get_result(conn)
        .await
}

/// `words` as a pattern of LIKE that means just them.
fn literal(words: &str) -> String {
    let mut pattern = String::with_capacity(words.len());
    for letter in words.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_mean_themselves() {
        assert_eq!(literal(r"50%_A\B"), r"50\%\_A\\B");
    }
}
