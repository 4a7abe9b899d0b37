//! A setting that must not be seen: tokens, passwords, addresses with credentials.
//!
//! There is no `Display`; `Debug` and `Serialize` print a marker, so a log line or a printed configuration
//! cannot carry the value by accident. It is wiped from memory on drop. In TOML it is written as text or as
//! `{ file = "/run/secrets/name" }`; in the environment as `KEY` or `KEY_FILE`.

use std::fmt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

pub(crate) const REDACTED: &str = "[redacted]";

/// A secret text. Reading it is spelled [`Secret::expose`], so every use can be found.
#[derive(Clone, Default)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Reads a secret from a file; the line end that editors and `echo` add is not part of it.
    pub fn from_file(path: &Path) -> std::io::Result<Self> {
        Ok(Self::new(std::fs::read_to_string(path)?.trim_end_matches(['\r', '\n'])))
    }

    /// The secret itself. Never log it, put it into an error or into a URL that is shown.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// An empty secret is shown as empty: that nothing was set is no secret, and worth seeing.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_empty() { "" } else { REDACTED })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

/// Answers every wrong type with a fixed text: serde's own messages repeat the value they were given.
struct SecretVisitor;

const EXPECTED: &str = "a secret as quoted text or as { file = \"path\" }";

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::new(text))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Secret, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Secret, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Secret, E> {
        Err(E::custom(EXPECTED))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let Some((key, path)) = map.next_entry::<String, String>()? else {
            return Err(de::Error::custom(EXPECTED));
        };
        if key != "file" || map.next_key::<String>()?.is_some() {
            return Err(de::Error::custom(EXPECTED));
        }
        Secret::from_file(Path::new(&path)).map_err(|e| de::Error::custom(format!("secret file {path}: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_the_value() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"[redacted]\"");
        assert_eq!(serde_json::to_string(&Secret::default()).unwrap(), "\"\"");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_wrong_type_is_refused_without_repeating_it() {
        for wrong in ["4242", "true", "4.5", "-7", "{\"path\":\"4242\"}"] {
            let error = serde_json::from_str::<Secret>(wrong).unwrap_err().to_string();
            assert!(error.contains("secret") && !error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn a_file_loses_only_its_line_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " spaced \r\n").unwrap();
        let json = serde_json::json!({ "file": file.path() });
        assert_eq!(serde_json::from_value::<Secret>(json).unwrap().expose(), " spaced ");
    }
}
