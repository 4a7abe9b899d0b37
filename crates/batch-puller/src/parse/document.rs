//! The shape of a catalogue document, as serde visitors.
//!
//! The first reason that we find ourselves is noted in [`Reading`]: serde's error type cannot carry it.

use std::{
    cell::{Cell, RefCell},
    fmt,
};

use premise_domain::catalogue::EMBEDDED_LIST;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::source::Budget;
use crate::error::AnswerError;

/// Where the list of premises was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum List {
    /// In its place.
    Present,
    /// Not in `_embedded`.
    Missing,
    /// There was no `_embedded`.
    #[default]
    NoEmbedded,
}

/// What a document turned out to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Document {
    /// Where the list was.
    pub list: List,
    /// `_links.next` was there.
    pub has_next: bool,
    /// There was something that does not belong to an empty HAL document.
    pub has_other: bool,
}

impl Document {
    /// HAL leaves `_embedded` out of an empty list. Only where nothing is concluded from absence may such a
    /// document count as a list without rows.
    pub fn may_be_empty_list(&self) -> bool {
        self.list == List::NoEmbedded && !self.has_other
    }
}

/// Takes the text of a row; an error ends the reading.
pub(super) type TakeRow<'a> = &'a mut dyn FnMut(&str) -> Result<(), AnswerError>;

/// The state of a reading.
pub(super) struct Reading<'a> {
    row: RefCell<TakeRow<'a>>,
    budget: &'a Budget,
    rows: Cell<u64>,
    reason: RefCell<Option<AnswerError>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(row: TakeRow<'a>, budget: &'a Budget) -> Self {
        Self { row: RefCell::new(row), budget, rows: Cell::new(0), reason: RefCell::new(None) }
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows.get()
    }

    pub(super) fn take_reason(&self) -> Option<AnswerError> {
        self.reason.borrow_mut().take()
    }

    fn row<E: Error>(&self, raw: &RawValue) -> Result<(), E> {
        self.budget.renew();
        self.rows.set(self.rows.get() + 1);
        (self.row.borrow_mut())(raw.get()).map_err(|reason| self.end(reason))
    }

    fn end<E: Error>(&self, reason: AnswerError) -> E {
        let error = E::custom(&reason);
        *self.reason.borrow_mut() = Some(reason);
        error
    }
}

/// The whole document.
pub(super) struct DocumentSeed<'a>(pub(super) &'a Reading<'a>);

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_> {
    type Value = Document;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Document, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_> {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a HAL object or a list of premises")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Document, A::Error> {
        ListSeed(self.0).visit_seq(seq)?;
        Ok(Document { list: List::Present, ..Document::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut document = Document::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "_embedded" if document.list != List::NoEmbedded => {
                    return Err(self.0.end(AnswerError::NoList));
                }
                "_embedded" => {
                    let found = map.next_value_seed(EmbeddedSeed(self.0))?;
                    document.list = if found { List::Present } else { List::Missing };
                }
                "_links" => document.has_next |= map.next_value_seed(LinksSeed)?,
                "page" => {
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    document.has_other = true;
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(document)
    }
}

/// The `_embedded` object; answers whether the list was in it.
struct EmbeddedSeed<'a>(&'a Reading<'a>);

impl<'de> DeserializeSeed<'de> for EmbeddedSeed<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EmbeddedSeed<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the list of premises")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            if key != EMBEDDED_LIST {
                map.next_value::<IgnoredAny>()?;
            } else if found {
                return Err(self.0.end(AnswerError::NoList));
            } else {
                map.next_value_seed(ListSeed(self.0))?;
                found = true;
            }
        }
        Ok(found)
    }
}

/// The list of premises.
struct ListSeed<'a>(&'a Reading<'a>);

impl<'de> DeserializeSeed<'de> for ListSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of premises")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(raw) = seq.next_element::<Box<RawValue>>()? {
            self.0.row(&raw)?;
        }
        Ok(())
    }
}

/// The `_links` object; answers whether it leads to a next page.
struct LinksSeed;

impl<'de> DeserializeSeed<'de> for LinksSeed {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for LinksSeed {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("links")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut next = false;
        while let Some(key) = map.next_key::<String>()? {
            let link = map.next_value::<Option<IgnoredAny>>()?;
            next |= key == "next" && link.is_some();
        }
        Ok(next)
    }
}
