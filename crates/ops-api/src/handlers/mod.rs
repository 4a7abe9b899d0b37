//! One file per subject. A handler reads its parameters, asks the store, and hands the rows to `dto`.

pub(crate) mod changes;
pub(crate) mod dead_letters;
pub(crate) mod discard;
pub(crate) mod events;
pub(crate) mod figures;
pub(crate) mod local_fields;
pub(crate) mod premises;
pub(crate) mod replays;
pub(crate) mod runs;
pub(crate) mod start;

mod duration;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::Api;
use crate::error::ApiError;

/// How often a long answer looks at its run, or at the change feed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A place among the long answers.
fn long_answer(api: &Api) -> Result<OwnedSemaphorePermit, ApiError> {
    Arc::clone(&api.long_answers).try_acquire_owned().map_err(|_| ApiError::TooManyWaiting)
}
