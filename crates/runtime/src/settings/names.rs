//! Known names: refuses what nothing reads and says the nearest name that something does.

use figment::value::{Dict, Value};
use serde_json::Value as Json;

use super::ConfigError;
use super::layers::EnvVar;

/// The refusal of `field` at `path` (which ends with it, or with its table), naming the nearest of `known`.
pub(super) fn unknown<S: AsRef<str>>(
    what: &'static str,
    path: &str,
    field: &str,
    origin: &str,
    known: &[S],
) -> ConfigError {
    let parent = path.strip_suffix(field).map_or(path, |p| p.trim_end_matches('.'));
    let join = |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
    let nearest = nearest(field, known).map_or_else(String::new, &join);
    ConfigError::Unknown { what, name: join(field), origin: origin.to_owned(), nearest }
}

pub(super) fn nearest<'a, S: AsRef<str>>(given: &str, known: &'a [S]) -> Option<&'a str> {
    known.iter().map(AsRef::as_ref).min_by_key(|name| strsim::damerau_levenshtein(given, name))
}

/// Refuses a top-level name that is no section.
pub(super) fn check_sections(
    origin: &str,
    file: &Dict,
    env: &[EnvVar],
    known: &[&str],
) -> Result<(), ConfigError> {
    for name in file.keys() {
        if !known.contains(&name.as_str()) {
            return Err(unknown("section", name, name, origin, known));
        }
    }
    for var in env {
        if !known.contains(&var.section()) {
            return Err(unknown("section", var.section(), var.section(), &var.origin(), known));
        }
    }
    Ok(())
}

/// Refuses a key of the file that the section's default does not have; descends into tables of fixed keys.
pub(super) fn check_keys(origin: &str, path: &str, given: &Dict, known: &Json) -> Result<(), ConfigError> {
    let Some(known) = fixed_keys(known) else { return Ok(()) };
    for (key, value) in given {
        let Some(node) = known.get(key) else {
            let names: Vec<&String> = known.keys().collect();
            return Err(unknown("key", &format!("{path}.{key}"), key, origin, &names));
        };
        if let Value::Dict(_, inner) = value {
            check_keys(origin, &format!("{path}.{key}"), inner, node)?;
        }
    }
    Ok(())
}

/// The keys of a table, when they are fixed; an empty default table is a map whose keys the user chooses.
pub(super) fn fixed_keys(node: &Json) -> Option<&serde_json::Map<String, Json>> {
    node.as_object().filter(|keys| !keys.is_empty())
}

/// Sections that were given but that this process has not read.
pub(super) fn unread_sections(file: &Dict, env: &[EnvVar], read: &toml::Table) -> Vec<String> {
    let mut names: Vec<String> =
        file.keys().cloned().chain(env.iter().map(|var| var.section().to_owned())).collect();
    names.sort();
    names.dedup();
    names.retain(|name| !read.contains_key(name));
    names
}
