//! The random secrets of one stack. Services read them from private files, so they are in no command
//! line, environment or log.

use std::path::{Path, PathBuf};

use premise_local_stack::{Place, random_hex, write_private};

/// Generated anew for every stack.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(super) webhook: String,
    pub(super) operator_token: String,
    pub(super) viewer_token: String,
    pub(super) ppb_password: String,
    folder: PathBuf,
}

impl Secrets {
    pub(super) fn generate(place: &Place) -> anyhow::Result<Self> {
        let folder = place.state().join("secrets");
        std::fs::create_dir_all(&folder)?;
        let secrets = Self {
            webhook: random_hex(),
            operator_token: random_hex(),
            viewer_token: random_hex(),
            ppb_password: random_hex(),
            folder,
        };
        for (name, value) in [
            ("webhook", &secrets.webhook),
            ("operator-token", &secrets.operator_token),
            ("viewer-token", &secrets.viewer_token),
            ("ppb-password", &secrets.ppb_password),
        ] {
            write_private(&secrets.file(name), value.as_bytes())?;
        }
        Ok(secrets)
    }

    /// The file of the secret with this name.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Removes the files, which are of no use to anyone when their stack is gone.
pub(super) fn remove(state: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(state.join("secrets")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
