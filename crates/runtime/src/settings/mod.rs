//! Settings in layers: the defaults of each section < a TOML file < environment variables.
//!
//! A section is a struct beside the code it configures, with `#[serde(default, deny_unknown_fields)]`; the
//! defaults are its `Default`. Known keys are read off that default, so an unknown one is refused with the
//! nearest known name before it can be silently ignored. `PREMISE__SECTION__KEY` sets `section.key`;
//! `PREMISE__SECTION__KEY_FILE` reads it from a file. Values from the environment are TOML (`true`, `12`,
//! `["a", "b"]`) where the default is not text, and plain text where it is.
//!
//! One file may serve every process: a section that belongs to another service is left alone, and its keys are
//! checked by the process that reads them. Keys inside lists and optional tables are checked by serde.

mod common;
mod error;
mod layers;
mod names;
mod source;

use std::path::Path;

use figment::value::Dict;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use common::{
    AdminSettings, DatabaseSettings, HttpSettings, LogFormat, LogSettings, Profile, ShutdownSettings,
};
pub use error::ConfigError;
pub use source::Source;

use layers::{EnvVar, Typing};

/// Every section of every process: one file serves them all, so a misspelt section is seen by each.
pub const SECTIONS: &[&str] = &[
    "http", "admin", "log", "shutdown", "broker", "database", "webhook", "worker", "pull", "ppb", "api",
    "auth",
];

/// The merged layers of one process and what was read from them.
#[derive(Debug)]
pub struct Settings {
    origin: String,
    file: Dict,
    env: Vec<EnvVar>,
    profile: Profile,
    check_only: bool,
    report: toml::Table,
    source: Source,
}

impl Settings {
    /// Reads the file, if one is named, and takes the `PREMISE__…` variables out of `env`.
    pub fn load(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Source::file(file.map(Path::to_owned), env).load()
    }

    /// Settings from a text instead of a file, for tests: `Settings::from_toml("[http]\nbind = …")`.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Source::text(text).load()
    }

    fn from_parts(
        origin: &str,
        text: &str,
        env: impl IntoIterator<Item = (String, String)>,
        source: Source,
    ) -> Result<Self, ConfigError> {
        let mut file = layers::parse_file(origin, text)?;
        let mut env = layers::env_vars(env)?;
        let profile = layers::take_profile(origin, &mut file, &mut env)?;
        names::check_sections(origin, &file, &env, SECTIONS)?;
        Ok(Self {
            origin: origin.to_owned(),
            file,
            env,
            profile,
            check_only: false,
            report: toml::Table::new(),
            source,
        })
    }

    /// The section `name`, merged and checked; it then appears in the printed configuration.
    pub fn section<T>(&mut self, name: &str) -> Result<T, ConfigError>
    where
        T: DeserializeOwned + Default + Serialize,
    {
        let known = serde_json::to_value(T::default()).map_err(|e| ConfigError::unprintable(name, &e))?;
        // The variable of an optional key does not say its type: try it as TOML, then as plain text.
        let value: T = match self.extract(name, &known, Typing::Toml) {
            Err(ConfigError::Invalid { .. }) if !self.env.is_empty() => {
                self.extract(name, &known, Typing::Text)?
            }
            result => result?,
        };
        let shown = toml::Value::try_from(&value).map_err(|e| ConfigError::unprintable(name, &e))?;
        self.report.insert(name.to_owned(), shown);
        Ok(value)
    }

    fn extract<T>(&self, name: &str, known: &serde_json::Value, typing: Typing) -> Result<T, ConfigError>
    where
        T: DeserializeOwned,
    {
        let file = layers::subsection(&self.origin, &self.file, name)?;
        names::check_keys(&self.origin, name, &file, known)?;
        let env = self.env.iter().filter(|var| var.section() == name);
        let merged = layers::merge(&self.origin, name, file, env, known, typing)?;
        merged.extract().map_err(|e| ConfigError::from_figment(name, &e))
    }

    /// Which of the seed's environments this is; it chooses default schedules.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Where these settings came from, to read them again.
    pub fn source(&self) -> Source {
        self.source.clone()
    }

    /// Whether the process only checks its configuration: a build may then skip what costs time.
    pub fn check_only(&self) -> bool {
        self.check_only
    }

    pub(crate) fn set_check_only(&mut self) {
        self.check_only = true;
    }

    /// What this process read, as TOML, with secrets redacted.
    pub fn redacted(&self) -> String {
        let mut out = format!("profile = \"{}\"\n\n", self.profile.name());
        // A table of tables of plain values always has a TOML form; the sections were made of TOML values.
        out.push_str(&toml::to_string(&self.report).unwrap_or_default());
        for other in names::unread_sections(&self.file, &self.env, &self.report) {
            out.push_str("\n# [");
            out.push_str(&other);
            out.push_str("] is given but not read by this process\n");
        }
        out
    }
}

#[cfg(test)]
mod tests;
