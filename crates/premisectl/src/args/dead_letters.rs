//! `premisectl dead-letters …` as data.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use premise_domain::PremiseId;

use super::{PageArgs, ReplayArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// Newest first.
    List(Box<DeadLettersArgs>),
    /// One in full, with its body and what a replay would do now; needs an operator's token.
    Show {
        /// Its number.
        id: i64,
    },
    /// Apply some again, as a job of the workers; what is superseded changes nothing.
    Replay(Box<ReplayArgs>),
    /// Give one up for good; it stays on record with who did it and why.
    Discard {
        /// Its number.
        id: i64,
        /// Why, for the record.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DeadLettersArgs {
    /// Such as `attempts_exhausted`, `invalid` or `incomplete`.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// `34014` or `PREMISE-34014`.
    #[arg(long)]
    pub(crate) premise: Option<PremiseId>,
    /// `created`, `updated` or `deleted`.
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// `open`, `replayed` or `discarded`.
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Given up at this time (RFC 3339) or later.
    #[arg(long)]
    pub(crate) from: Option<DateTime<Utc>>,
    /// Given up before this time.
    #[arg(long)]
    pub(crate) to: Option<DateTime<Utc>>,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}
