//! The table of `docs/architecture.md` as data: which crate may use which, and who alone may name
//! which library. A new crate or arrow is decided there first and written here second.

/// One row of the table.
pub(super) struct Row {
    /// Folder below the workspace.
    pub(super) folder: &'static str,
    /// Package name.
    pub(super) package: &'static str,
    /// Crates of the workspace it may use, in normal and in development dependencies.
    pub(super) may_use: &'static [&'static str],
}

const fn row(folder: &'static str, package: &'static str, may_use: &'static [&'static str]) -> Row {
    Row { folder, package, may_use }
}

const DOMAIN: &str = "premise-domain";
const BROKER: &str = "premise-broker";
const STORE: &str = "premise-store";
const RUNTIME: &str = "premise-runtime";
const LOCAL_STACK: &str = "premise-local-stack";

/// All crates of the workspace.
pub(super) const ROWS: [Row; 14] = [
    row("crates/domain", DOMAIN, &[]),
    row("crates/broker", BROKER, &[DOMAIN]),
    row("crates/store", STORE, &[DOMAIN]),
    row("crates/runtime", RUNTIME, &[]),
    row("crates/webhook-ingest", "webhook-ingest", &[DOMAIN, BROKER, RUNTIME]),
    row("crates/sync-worker", "sync-worker", &[DOMAIN, BROKER, STORE, RUNTIME]),
    row("crates/batch-puller", "batch-puller", &[DOMAIN, BROKER, STORE, RUNTIME]),
    row("crates/ops-api", "ops-api", &[DOMAIN, BROKER, STORE, RUNTIME]),
    row("crates/premisectl", "premisectl", &[DOMAIN]),
    row(
        "crates/all-in-one",
        "premise-sync",
        &["webhook-ingest", "sync-worker", "batch-puller", "ops-api", RUNTIME],
    ),
    row("crates/ppb-sim", "ppb-sim", &[DOMAIN]),
    row("crates/local-stack", LOCAL_STACK, &[]),
    row("crates/testkit", "premise-testkit", &[DOMAIN, BROKER, STORE, RUNTIME, LOCAL_STACK]),
    row("xtask", "xtask", &[LOCAL_STACK]),
];

/// What any crate may use for its tests, whatever its row says.
pub(super) const FOR_TESTS: [&str; 2] = ["premise-testkit", DOMAIN];

/// Libraries that only these crates may name, in any kind of dependency.
pub(super) const OWNED: [(&str, &[&str]); 6] = [
    ("lapin", &[BROKER, "premise-testkit"]),
    ("diesel", &[STORE]),
    ("diesel-async", &[STORE]),
    ("diesel_migrations", &[STORE]),
    ("deadpool-postgres", &[STORE]),
    ("tokio-postgres", &[STORE, "premise-testkit"]),
];

/// What a crate must not reach by any chain of normal dependencies.
pub(super) const UNREACHABLE: [(&str, &[&str]); 5] = [
    ("webhook-ingest", &[STORE, "diesel", "tokio-postgres", "ppb-sim"]),
    ("premisectl", &[STORE, BROKER, "diesel", "tokio-postgres", "lapin"]),
    ("premise-sync", &["ppb-sim", "premise-testkit", LOCAL_STACK]),
    (DOMAIN, &["tokio", "actix-web", "reqwest", "lapin", "diesel", "tokio-postgres", "rand"]),
    (RUNTIME, &["lapin", "diesel", "tokio-postgres"]),
];
