//! Where settings came from, to read them again while the process runs.
//!
//! The file is read anew, and so is every file that a setting names; the environment is that of the start, since
//! a process's environment does not change. What was read before stays as it is: whoever reads again decides
//! what to take over.

use std::path::PathBuf;

use super::{ConfigError, Settings};
use crate::Secret;

/// The layers' origins. The text and the variables may hold secrets and are never printed.
#[derive(Debug, Clone)]
pub struct Source {
    layer: Layer,
    env: Vec<(String, Secret)>,
}

#[derive(Debug, Clone)]
enum Layer {
    None,
    File(PathBuf),
    Text(Secret),
}

impl Source {
    pub(super) fn file(path: Option<PathBuf>, env: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = env.into_iter().filter(|(name, _)| name.starts_with("PREMISE_"));
        Self {
            layer: path.map_or(Layer::None, Layer::File),
            env: ours.map(|(name, value)| (name, Secret::new(value))).collect(),
        }
    }

    pub(super) fn text(text: &str) -> Self {
        Self { layer: Layer::Text(Secret::new(text)), env: Vec::new() }
    }

    /// Reads all layers again.
    pub fn load(&self) -> Result<Settings, ConfigError> {
        let env = self.env.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
        let (origin, text) = match &self.layer {
            Layer::None => ("the configuration file".to_owned(), String::new()),
            Layer::Text(text) => ("the given text".to_owned(), text.expose().to_owned()),
            Layer::File(path) => {
                let name = path.display().to_string();
                match std::fs::read_to_string(path) {
                    Ok(text) => (name, text),
                    Err(source) => return Err(ConfigError::Unreadable { path: name, source }),
                }
            }
        };
        Settings::from_parts(&origin, &text, env, self.clone())
    }
}
