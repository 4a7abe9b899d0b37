//! Where this workspace is and where cargo builds it.

use std::path::PathBuf;

use anyhow::Context as _;
use cargo_metadata::MetadataCommand;

/// The folders that the tasks use.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    /// The clone.
    pub(crate) root: PathBuf,
    /// Binaries of the dev profile.
    pub(crate) binaries: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> anyhow::Result<Self> {
        // Set by `cargo run`, so a clone that was moved is found where it is now.
        let here =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let manifest = PathBuf::from(here).join("Cargo.toml");
        let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec();
        let metadata = metadata.context("cargo metadata")?;
        Ok(Self {
            root: metadata.workspace_root.into(),
            binaries: metadata.target_directory.join("debug").into(),
        })
    }

    /// A folder for state below `target/` of the clone, wherever cargo builds.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.root.join("target").join(name)
    }
}
