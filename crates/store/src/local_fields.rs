//! What of a premise is owned here and not by PPB: its GLN and notes.
//!
//! Only this file writes these columns; `apply.sql` does not name them, so no sync touches them.
//! They are no part of a premise's history.

use std::fmt;

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use premise_domain::{PremiseId, gln::Gln, premise::Field};

use crate::{
    StoreError,
    reads::{premise_row::PremiseRow, premises as reads},
    schema::premises,
};

/// Longest notes, in characters.
pub const MAX_NOTES: usize = 4_000;

/// Notes of the operators on a premise. `Debug` leaves the text out: it may be about a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Notes(String);

/// The text cannot be kept as notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNotes {
    /// Empty, or spaces only.
    #[error("must not be blank; null clears the notes")]
    Blank,
    /// Longer than [`MAX_NOTES`].
    #[error("must have at most {MAX_NOTES} characters")]
    TooLong,
    /// Postgres keeps no NUL in a text.
    #[error("must not hold the character NUL")]
    Nul,
}

impl Notes {
    /// Takes a text, without the spaces around it.
    pub fn new(text: &str) -> Result<Self, InvalidNotes> {
        let text = text.trim();
        if text.is_empty() {
            Err(InvalidNotes::Blank)
        } else if text.contains('\0') {
            Err(InvalidNotes::Nul)
        } else if text.chars().count() > MAX_NOTES {
            Err(InvalidNotes::TooLong)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Notes").finish_non_exhaustive()
    }
}

/// What to set. An absent field keeps its value, a null one is cleared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalFields {
    /// Global Location Number.
    pub gln: Field<Gln>,
    /// Notes of the operators.
    pub notes: Field<Notes>,
}

/// Sets the fields of a premise, active or not, and tells how it then stands; `None` when PPB never
/// told us of it.
pub async fn set(
    conn: &mut AsyncPgConnection,
    id: PremiseId,
    fields: &LocalFields,
) -> Result<Option<PremiseRow>, StoreError> {
    if *fields == LocalFields::default() {
        return reads::find(conn, id).await;
    }
    let (gln, notes) = (&fields.gln, &fields.notes);
    let gln = (!gln.is_absent()).then(|| premises::gln.eq(gln.value().map(ToString::to_string)));
    let notes = (!notes.is_absent()).then(|| premises::notes.eq(notes.value().map(|notes| &notes.0)));
    diesel::update(premises::table.find(id.get()))
        .set((gln, notes))
        .returning(PremiseRow::as_returning())
        .get_result(conn)
        .await
        .optional()
        .map_err(|error| StoreError::from_diesel("set local fields", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_trimmed_and_bounded() {
        assert_eq!(Notes::new("  gate B\n").unwrap().0, "gate B");
        assert_eq!(Notes::new(" \n"), Err(InvalidNotes::Blank));
        assert_eq!(Notes::new("a\0b"), Err(InvalidNotes::Nul));
        assert!(Notes::new(&"é".repeat(MAX_NOTES)).is_ok());
        assert_eq!(Notes::new(&"é".repeat(MAX_NOTES + 1)), Err(InvalidNotes::TooLong));
    }

    #[test]
    fn the_text_is_not_printed() {
        assert_eq!(format!("{:?}", Notes::new("about a person").unwrap()), "Notes(..)");
    }
}
