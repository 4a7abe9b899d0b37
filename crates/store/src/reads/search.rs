//! Finding premises by words, typing errors included.

use std::sync::LazyLock;

use diesel::{
    QueryResult,
    query_builder::BoxedSqlQuery,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use premise_domain::PremiseId;

use super::{
    premise_filter::{PremiseFilter, Sort},
    premises::{Found, filtered},
};

/// Most premises that one search ranks and counts; more than the whole register of today.
pub(super) const MOST_FOUND: i64 = 20_000;

/// How alike (0 to 1, `word_similarity` of `pg_trgm`) to each word a name must be to count as
/// meant. At the first, a wrong, missing or further letter is forgiven; the second, for letters that
/// changed places, would find too much beside what was meant, so it serves only who found nothing.
const LIKENESS: [&str; 2] = ["0.5", "0.3"];

/// The fewest characters that a trigram index can look up inside a name.
const SHORTEST_INSIDE: usize = 3;

/// The most words that are each looked for in a name.
const MOST_WORDS: usize = 8;

/// Enough for the set of a word that every fourth of a million names has.
const WORK_MEM: &str = "16MB";

const RELEVANCE: &str = r#"tier, unlikeness, lower(name) COLLATE "C", premise_id"#;

const EXACT: &str = r#"(premise_id = $18 OR lower(superintendent_registration_no) COLLATE "C" = lower($13)
    OR lower(name) COLLATE "C" = lower($13))"#;

const BEGINS: &str = r#"(lower(superintendent_registration_no) COLLATE "C" LIKE lower($14)
    OR lower(name) COLLATE "C" LIKE lower($14))"#;

static SEARCH: LazyLock<String> = LazyLock::new(|| {
    include_str!("sql/search.sql")
        .replace("{exact}", EXACT)
        .replace("{begins}", BEGINS)
        .replace("{by_name}", Sort::BY_NAME.order())
});

/// A page of the premises that `words` find, within a transaction.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    words: &str,
    filter: &PremiseFilter,
    window: (i64, i64),
) -> QueryResult<Found> {
    let [first, second] = LIKENESS;
    let found = find_alike(conn, words, filter, window, first).await?;
    if found.total > 0 || words.chars().count() < SHORTEST_INSIDE {
        return Ok(found);
    }
    find_alike(conn, words, filter, window, second).await
}

async fn find_alike(
    conn: &mut AsyncPgConnection,
    words: &str,
    filter: &PremiseFilter,
    window: (i64, i64),
    likeness: &str,
) -> QueryResult<Found> {
    tune(conn, likeness).await?;
    let order = filter.sort.map_or(RELEVANCE, Sort::order);
    let each: Vec<String> = words.split_whitespace().take(MOST_WORDS).map(str::to_owned).collect();
    let alike: Vec<String> = (19..).take(each.len()).map(|n| format!("${n} <% name")).collect();
    let literal = literal(words);
    let query = filtered(&SEARCH.replace("{alike}", &alike.join(" AND ")), order, filter, window)
        .bind::<Text, _>(words.to_owned())
        .bind::<Text, _>(format!("{literal}%"))
        .bind::<Text, _>(format!("%{literal}%"))
        .bind::<Bool, _>(words.chars().count() >= SHORTEST_INSIDE)
        .bind::<BigInt, _>(MOST_FOUND)
        .bind::<Nullable<BigInt>, _>(words.parse::<PremiseId>().ok().map(PremiseId::get));
    each.into_iter().fold(query, BoxedSqlQuery::bind::<Text, _>).get_result(conn).await
}

/// For the rest of the transaction. The planner can't foresee how many names are alike; a wrong
/// guess must not make it read the whole table, nor compile a plan that runs for milliseconds.
async fn tune(conn: &mut AsyncPgConnection, likeness: &str) -> QueryResult<usize> {
    diesel::sql_query(
        "SELECT set_config('pg_trgm.word_similarity_threshold', $1, true), set_config('work_mem', $2, true),
            set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)",
    )
    .bind::<Text, _>(likeness)
    .bind::<Text, _>(WORK_MEM)
    .execute(conn)
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
