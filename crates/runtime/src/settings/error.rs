//! Why a configuration is refused. Messages name the key and where it came from, never the value: it may be a
//! secret in the wrong place.

use figment::error::{Actual, Kind};

/// A configuration that the process must not start with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The named file cannot be read.
    #[error("configuration file {path} cannot be read")]
    Unreadable {
        /// As given by `--config` or `PREMISE_CONFIG`.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{origin}, line {line}: {reason}")]
    Syntax {
        /// The file.
        origin: String,
        /// From 1.
        line: usize,
        /// The parser's reason, without the text of the line.
        reason: String,
    },
    /// A section or key that nothing reads.
    #[error("unknown {what} `{name}` in {origin}; did you mean `{nearest}`?")]
    Unknown {
        /// `section`, `key` or `variable`.
        what: &'static str,
        /// The whole name as given.
        name: String,
        /// File or variable.
        origin: String,
        /// The known name that is nearest in spelling.
        nearest: String,
    },
    /// A value of the wrong type or out of its range.
    #[error("`{key}` in {origin}: {reason}")]
    Invalid {
        /// Dotted name.
        key: String,
        /// File or variable.
        origin: String,
        /// What is wrong, without the value.
        reason: String,
    },
    /// Two settings that exclude each other.
    #[error("{0}")]
    Contradiction(String),
    /// A `…_FILE` variable names a file that cannot be read.
    #[error("{variable}: file {path} cannot be read")]
    SecretFile {
        /// The variable.
        variable: String,
        /// Its value.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ConfigError {
    /// A refusal by a service's own check of a section it has read.
    pub fn invalid(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid {
            key: key.into(),
            origin: "the merged configuration".to_owned(),
            reason: reason.into(),
        }
    }

    pub(super) fn unprintable(section: &str, error: &dyn std::fmt::Display) -> Self {
        Self::invalid(section, format!("has no printable form: {error}"))
    }

    pub(super) fn from_figment(section: &str, error: &figment::Error) -> Self {
        let mut key = section.to_owned();
        for part in &error.path {
            key.push('.');
            key.push_str(part);
        }
        let origin = error.metadata.as_ref().map_or("the defaults", |m| m.name.as_ref()).to_owned();
        match &error.kind {
            Kind::UnknownField(field, known) => super::names::unknown("key", &key, field, &origin, known),
            kind => Self::Invalid { key, origin, reason: reason(kind) },
        }
    }
}

fn reason(kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            format!("expected {expected}, found {}", type_name(actual))
        }
        Kind::UnknownVariant(_, known) => format!("expected one of {}", known.join(", ")),
        other => other.to_string(),
    }
}

fn type_name(actual: &Actual) -> &'static str {
    match actual {
        Actual::Bool(_) => "a boolean",
        Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => "a number",
        Actual::Char(_) | Actual::Str(_) | Actual::Bytes(_) => "text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "something else",
    }
}
