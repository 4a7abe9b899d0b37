//! The configuration file of the local services and the random secrets of one stack.
//!
//! One private file serves every service, so no secret is in a command line, an environment or a log;
//! a service that is started by hand with `PREMISE_CONFIG=target/local/premise.toml` joins the stack.

use std::path::{Path, PathBuf};
use std::time::Duration;

use premise_local_stack::{Place, Urls, random_hex, write_private};
use serde_json::json;

/// The simulated account at PPB.
pub(super) const PPB_EMAIL: &str = "sync@premises.example";
/// Files with a single secret each, for the simulator.
const FOLDER: &str = "secrets";
const FILE: &str = "premise.toml";

/// Generated anew for every stack.
#[derive(Debug)]
pub(super) struct Secrets {
    pub(super) webhook: String,
    pub(super) operator_token: String,
    pub(super) viewer_token: String,
    ppb_password: String,
    state: PathBuf,
}

impl Secrets {
    pub(super) fn generate(place: &Place) -> anyhow::Result<Self> {
        let secrets = Self {
            webhook: random_hex(),
            operator_token: random_hex(),
            viewer_token: random_hex(),
            ppb_password: random_hex(),
            state: place.state().to_owned(),
        };
        std::fs::create_dir_all(secrets.state.join(FOLDER))?;
        write_private(&secrets.webhook_file(), secrets.webhook.as_bytes())?;
        write_private(&secrets.ppb_password_file(), secrets.ppb_password.as_bytes())?;
        Ok(secrets)
    }

    pub(super) fn webhook_file(&self) -> PathBuf {
        self.state.join(FOLDER).join("webhook")
    }

    pub(super) fn ppb_password_file(&self) -> PathBuf {
        self.state.join(FOLDER).join("ppb-password")
    }

    /// Writes the settings of all services; each reads its own sections. Returns the file.
    pub(super) fn write_settings(
        &self,
        urls: &Urls,
        ppb_url: &str,
        drain: Duration,
    ) -> anyhow::Result<PathBuf> {
        let settings = json!({
            "database": { "url": urls.database },
            "broker": { "url": urls.broker },
            "shutdown": { "drain_seconds": drain.as_secs() },
            "webhook": { "secret": self.webhook, "secret_id": "local" },
            "ppb": { "url": ppb_url, "email": PPB_EMAIL, "password": self.ppb_password },
            // `up` asks for the first pull and shows it; later ones are the user's to try.
            "pull": { "full_schedule": "", "incremental_schedule": "" },
            // Mode `none` is refused by the service unless every listener is on loopback, as ours are.
            "auth": {
                "mode": "none",
                "tokens": [
                    { "name": "local-operator", "role": "operator", "token": self.operator_token },
                    { "name": "local-viewer", "role": "viewer", "token": self.viewer_token },
                ],
            },
        });
        let file = self.state.join(FILE);
        write_private(&file, toml::to_string(&settings)?.as_bytes())?;
        Ok(file)
    }
}

/// Removes the files, which are of no use to anyone when their stack is gone.
pub(super) fn remove(state: &Path) -> std::io::Result<()> {
    for removed in [std::fs::remove_dir_all(state.join(FOLDER)), std::fs::remove_file(state.join(FILE))] {
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
