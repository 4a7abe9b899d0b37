//! Whether a complete answer may be believed: a truncated, stale or damaged catalogue must never
//! delete a pharmacy or blank its fields.
//!
//! A *complete* answer is the whole catalogue read to its end; that is judged while reading. It is
//! *accepted* when nothing below speaks against it. Held: what it adds and changes is applied, what
//! it would delete waits for an operator. Refused: nothing of it is applied. An answer that is not
//! complete deletes nothing and confirms nothing, but it too may be refused.

use serde::{Deserialize, Serialize};

/// Columns whose share of empty values is watched, in the order of [`crate::premise::EncodedContent::nulls`].
pub const WATCHED: [&str; 10] = [
    "county",
    "constituency",
    "ward",
    "business_type",
    "ownership",
    "superintendent_registration_no",
    "superintendent_name",
    "superintendent_cadre",
    "license_validity",
    "validity_year",
];

/// How far an answer may differ from the register before it is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest share of the live premises that one answer may delete.
    pub max_deleted_fraction: f64,
    /// Largest number of premises that one answer may delete.
    pub max_deleted: i64,
    /// Points by which the share of empty values of a field may grow.
    pub max_null_jump: f64,
    /// Largest share of rows whose `lastModified` may be older than before.
    pub max_went_back: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_deleted_fraction: 0.05, max_deleted: 500, max_null_jump: 20.0, max_went_back: 0.001 }
    }
}

const NULL_RATE_JUMP: &str = "null_rate_jump";

/// Fewer known premises than this may truly lose a field all at once.
const FEWEST_CHANGES: i64 = 20;

/// What is known of an answer, held against the register.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// No complete answer was ever accepted: there is nothing to hold this one against.
    pub is_first: bool,
    /// Rows that can be used.
    pub rows: i64,
    /// Premises that live in the register; for changes, those of them that the answer speaks of.
    pub live: i64,
    /// Live premises that the answer would delete.
    pub missing: i64,
    /// Rows whose `lastModified` is older than the register's.
    pub went_back: i64,
    /// Rows in which each watched field is empty.
    pub nulls: [i64; WATCHED.len()],
    /// Live premises in which each watched field is empty.
    pub live_nulls: [i64; WATCHED.len()],
}

/// The judgement on an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Everything present and absent is confirmed.
    Accepted,
    /// Additions and changes apply; deletions wait for approval.
    Held(String),
    /// Nothing applies.
    Refused {
        /// Stable code.
        code: &'static str,
        /// The reason, for an operator.
        message: String,
    },
}

/// Judges an answer of changes.
pub fn judge_changes(facts: &Facts, limits: &Limits) -> Judgement {
    match null_jump(facts, limits) {
        Some(message) if facts.live >= FEWEST_CHANGES => Judgement::Refused { code: NULL_RATE_JUMP, message },
        _ => Judgement::Accepted,
    }
}

/// Judges an answer of the whole catalogue.
pub fn judge(facts: &Facts, limits: &Limits) -> Judgement {
    if facts.is_first && facts.rows > 0 {
        return Judgement::Accepted;
    }
    if let Some(message) = null_jump(facts, limits) {
        return Judgement::Refused { code: NULL_RATE_JUMP, message };
    }
    if share(facts.went_back, facts.rows) > limits.max_went_back {
        let message = format!(
            "{} of {} rows have an older lastModified than before: the answer is stale. Nothing was applied; ask PPB, \
             or wait for the next run.",
            facts.went_back, facts.rows
        );
        return Judgement::Refused { code: "stale_answer", message };
    }
    if facts.rows == 0 && facts.live > 0 {
        let message = format!(
            "The answer holds no premise, yet {} live in the register: the answer is empty or broken. Nothing was \
             applied.",
            facts.live
        );
        return Judgement::Refused { code: "empty_answer", message };
    }
    let allowed = allowed_deletions(facts.live, limits);
    if facts.missing > allowed {
        return Judgement::Held(format!(
            "{} of {} live premises are missing from the answer; at most {allowed} may be deleted without approval.",
            facts.missing, facts.live
        ));
    }
    Judgement::Accepted
}

/// `max(1, min(fraction of live, absolute))`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "counts of premises are far below 2^52"
)]
fn allowed_deletions(live: i64, limits: &Limits) -> i64 {
    ((live as f64 * limits.max_deleted_fraction).floor() as i64).min(limits.max_deleted).max(1)
}

fn null_jump(facts: &Facts, limits: &Limits) -> Option<String> {
    if facts.live == 0 || facts.rows == 0 {
        return None;
    }
    let jumps =
        WATCHED.iter().zip(facts.nulls.iter().zip(&facts.live_nulls)).filter_map(|(field, (now, before))| {
            let (now, before) = (100.0 * share(*now, facts.rows), 100.0 * share(*before, facts.live));
            (now - before > limits.max_null_jump).then(|| format!("{field} from {before:.0} % to {now:.0} %"))
        });
    let jumps: Vec<String> = jumps.collect();
    (!jumps.is_empty()).then(|| {
        format!(
            "Fields became empty all at once ({}): a column was probably renamed or lost. Nothing was applied; ask PPB.",
            jumps.join(", ")
        )
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of premises are far below 2^52")]
fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Facts = Facts {
        is_first: false,
        rows: 11_000,
        live: 11_000,
        missing: 0,
        went_back: 0,
        nulls: [0; 10],
        live_nulls: [0; 10],
    };

    fn judged(facts: Facts) -> Judgement {
        judge(&facts, &Limits::default())
    }

    #[test]
    fn a_calm_answer_is_accepted() {
        assert_eq!(judged(CALM), Judgement::Accepted);
    }

    #[test]
    fn the_first_answer_is_accepted_whatever_it_holds() {
        // Webhooks may have come before it.
        let few = Facts { is_first: true, live: 3, missing: 3, went_back: 3, nulls: [11_000; 10], ..CALM };
        assert_eq!(judged(few), Judgement::Accepted);
        assert_eq!(judged(Facts { live: 0, nulls: [11_000; 10], ..CALM }), Judgement::Accepted);
    }

    #[test]
    fn deletions_are_bounded_by_share_and_number_and_one_is_always_allowed() {
        for (live, allowed) in [(3, 1), (19, 1), (40, 2), (9_999, 499), (10_000, 500), (1_000_000, 500)] {
            let facts = Facts { live, rows: live, ..CALM };
            assert_eq!(judged(Facts { missing: allowed, ..facts }), Judgement::Accepted, "{live}");
            assert!(matches!(judged(Facts { missing: allowed + 1, ..facts }), Judgement::Held(_)), "{live}");
        }
    }

    #[test]
    fn an_empty_answer_is_refused_but_for_an_empty_register() {
        let empty = judged(Facts { rows: 0, missing: 0, ..CALM });
        assert!(matches!(empty, Judgement::Refused { code: "empty_answer", .. }));
        assert_eq!(judged(Facts { rows: 0, live: 0, ..CALM }), Judgement::Accepted);
    }

    #[test]
    fn a_field_that_became_empty_refuses_the_answer_and_is_named() {
        let mut facts = CALM;
        facts.nulls[2] = 2_200;
        assert_eq!(judged(facts), Judgement::Accepted);
        facts.nulls[2] = 2_201;
        let Judgement::Refused { code: "null_rate_jump", message } = judged(facts) else { panic!() };
        assert!(message.contains("ward from 0 % to 20 %"), "{message}");
        facts.live_nulls[2] = 1;
        assert_eq!(judged(facts), Judgement::Accepted);
    }

    #[test]
    fn changes_are_judged_by_the_premises_they_speak_of_when_these_are_many() {
        let blanked = |known: i64| {
            let mut facts = Facts { rows: known, live: known, ..CALM };
            facts.nulls[0] = known;
            judge_changes(&facts, &Limits::default())
        };
        assert_eq!(blanked(FEWEST_CHANGES - 1), Judgement::Accepted);
        assert!(matches!(blanked(FEWEST_CHANGES), Judgement::Refused { code: NULL_RATE_JUMP, .. }));
        let stale = Facts { rows: 50, live: 50, went_back: 50, missing: 50, ..CALM };
        assert_eq!(judge_changes(&stale, &Limits::default()), Judgement::Accepted);
    }

    #[test]
    fn an_answer_whose_rows_went_back_is_stale() {
        assert_eq!(judged(Facts { went_back: 11, ..CALM }), Judgement::Accepted);
        assert!(matches!(
            judged(Facts { went_back: 12, ..CALM }),
            Judgement::Refused { code: "stale_answer", .. }
        ));
    }
}
