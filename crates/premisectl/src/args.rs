//! The command line as data.

mod dead_letters;
mod replays;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, Parser, Subcommand};
use clap_complete::Shell;
use premise_domain::PremiseId;
use url::Url;
use uuid::Uuid;

pub(crate) use dead_letters::{DeadLettersArgs, DeadLettersCommand};
pub(crate) use replays::{ReplayArgs, ReplaysCommand};

/// Operate premise-sync.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// Where the API is.
    #[arg(long, global = true, env = "PREMISE_API_URL", default_value = "http://localhost:4000")]
    pub(crate) api_url: Url,
    /// Bearer token; better given by the variable, where other users cannot see it.
    #[arg(long, global = true, env = "PREMISE_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Print JSON in place of text: one document, or one a line where there is no end.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Pull PPB's register now.
    #[command(subcommand)]
    Sync(SyncCommand),
    /// Pulls, past and present.
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Key figures, freshness and webhooks on one screen.
    Status,
    /// Look into the register.
    #[command(subcommand)]
    Premises(PremisesCommand),
    /// What changes in the register.
    #[command(subcommand)]
    Changes(ChangesCommand),
    /// Webhooks that were given up.
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// Replays of dead letters.
    #[command(subcommand)]
    Replays(ReplaysCommand),
    /// Sign, check and send webhooks.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Find out what is wrong and what to do about it.
    Doctor {
        /// Admin listener of the process to look at.
        #[arg(long, env = "PREMISE_ADMIN_URL", default_value = "http://localhost:4001")]
        admin_url: Url,
    },
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SyncCommand {
    /// The whole catalogue.
    Full {
        /// Tell what would happen and change nothing.
        #[arg(long)]
        dry_run: bool,
        /// Stay until the run has ended, with a progress bar.
        #[arg(long)]
        wait: bool,
    },
    /// What changed since the last pull.
    Incremental {
        /// Changes since this time (RFC 3339) in place of the last pull.
        #[arg(long)]
        since: Option<DateTime<Utc>>,
        /// Tell what would happen and change nothing.
        #[arg(long)]
        dry_run: bool,
        /// Stay until the run has ended, with a progress bar.
        #[arg(long)]
        wait: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// Newest first.
    List(PageArgs),
    /// One run in full.
    Show {
        /// Its id.
        id: Uuid,
    },
    /// Carry out the withheld deletions of a held run.
    Approve {
        /// Its id.
        id: Uuid,
        /// Hash of the plan, as `runs show` tells it: nothing else than that plan is carried out.
        #[arg(long)]
        plan_hash: String,
    },
    /// Ask a run to end.
    Cancel {
        /// Its id.
        id: Uuid,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// Page, from 1.
    #[arg(long, default_value_t = 1)]
    pub(crate) page: u32,
    /// Entries a page, at most 200.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PremisesCommand {
    /// Search the register.
    List(Box<ListArgs>),
    /// One premise with its provenance.
    Show {
        /// `34014` or `PREMISE-34014`.
        id: PremiseId,
    },
    /// What changed in a premise, newest first.
    History {
        /// `34014` or `PREMISE-34014`.
        id: PremiseId,
        /// Changes, at most 200.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Set what is owned here; what is not given keeps its value, an empty text clears it.
    #[command(group(ArgGroup::new("fields").required(true).multiple(true)))]
    Set {
        /// `34014` or `PREMISE-34014`.
        id: PremiseId,
        /// Global Location Number, 13 digits.
        #[arg(long, group = "fields")]
        gln: Option<String>,
        /// Notes of the operators.
        #[arg(long, group = "fields")]
        notes: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChangesCommand {
    /// Print changes as they happen, until it is stopped.
    Tail {
        /// Begin after this cursor, as an earlier output or the API gave it.
        #[arg(long)]
        after: Option<String>,
        /// Begin with the first change of all.
        #[arg(long, conflicts_with = "after")]
        from_start: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Words of the name, or an id.
    #[arg(long)]
    pub(crate) search: Option<String>,
    #[arg(long)]
    pub(crate) county: Option<String>,
    #[arg(long)]
    pub(crate) constituency: Option<String>,
    #[arg(long)]
    pub(crate) ward: Option<String>,
    /// Such as RETAIL.
    #[arg(long)]
    pub(crate) business_type: Option<String>,
    #[arg(long)]
    pub(crate) ownership: Option<String>,
    /// Profession of the superintendent.
    #[arg(long)]
    pub(crate) cadre: Option<String>,
    /// `active` or `inactive`.
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// `valid`, `expiring`, `expired` or `unknown`.
    #[arg(long)]
    pub(crate) license_status: Option<String>,
    /// Order, such as `name` or `-changedAt`.
    #[arg(long)]
    pub(crate) sort: Option<String>,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Print the signature of a body, as the header carries it.
    Sign(SignArgs),
    /// Check a signature.
    Verify {
        /// Value of the header `x-ppb-signature`.
        #[arg(long)]
        signature: String,
        #[command(flatten)]
        signed: SignArgs,
    },
    /// Sign a body and send it to the API's webhook route.
    Send {
        /// Full address, when it is not the API's own route.
        #[arg(long)]
        url: Option<Url>,
        #[command(flatten)]
        signed: SignArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// File with the exact bytes of the body; `-` is standard input.
    #[arg(default_value = "-")]
    pub(crate) body: PathBuf,
    /// The shared secret; better in a file.
    #[arg(long, env = "PREMISE_WEBHOOK_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,
    /// File with the shared secret; a closing line end is not part of it.
    #[arg(long, env = "PREMISE_WEBHOOK_SECRET_FILE", conflicts_with = "secret")]
    pub(crate) secret_file: Option<PathBuf>,
}
