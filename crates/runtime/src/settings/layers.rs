//! The layers below the defaults: one TOML file, then one layer per environment variable, so that an error can
//! name the very variable it came from.

use std::path::Path;

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile as FigmentProfile, Provider};
use serde_json::Value as Json;

use super::common::Profile;
use super::{ConfigError, names};
use crate::Secret;

const PREFIX: &str = "PREMISE__";

/// One `PREMISE__…` variable, not yet typed. No `Debug` of the value: it may be a secret.
pub(super) struct EnvVar {
    name: String,
    path: Vec<String>,
    raw: Secret,
}

impl std::fmt::Debug for EnvVar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl EnvVar {
    pub(super) fn section(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    pub(super) fn origin(&self) -> String {
        format!("environment variable {}", self.name)
    }
}

/// How a variable whose default has no type (an optional key) is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Typing {
    Toml,
    Text,
}

/// Takes the variables that are ours. A near miss of the prefix is refused, not ignored.
pub(super) fn env_vars(env: impl IntoIterator<Item = (String, String)>) -> Result<Vec<EnvVar>, ConfigError> {
    let mut vars = Vec::new();
    for (name, raw) in env {
        let Some(path) = name.strip_prefix(PREFIX) else {
            if let Some(rest) = name.strip_prefix("PREMISE_").filter(|rest| rest.contains("__")) {
                let nearest = format!("{PREFIX}{rest}");
                let origin = "the environment".to_owned();
                return Err(ConfigError::Unknown { what: "variable", name, origin, nearest });
            }
            continue;
        };
        let path = path.split("__").map(str::to_ascii_lowercase).collect();
        vars.push(EnvVar { name, path, raw: Secret::new(raw) });
    }
    vars.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(vars)
}

/// Parses the file. The parser's message is kept, its excerpt of the text is not: it may show a secret.
pub(super) fn parse_file(origin: &str, text: &str) -> Result<Dict, ConfigError> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        let before = e.span().and_then(|span| text.get(..span.start)).unwrap_or("");
        ConfigError::Syntax {
            origin: origin.to_owned(),
            line: before.matches('\n').count() + 1,
            reason: e.message().to_owned(),
        }
    })?;
    Ok(dict(table))
}

/// Removes `profile` from the layers; the variable wins.
pub(super) fn take_profile(
    origin: &str,
    file: &mut Dict,
    env: &mut Vec<EnvVar>,
) -> Result<Profile, ConfigError> {
    let mut found = file.remove("profile").map(|value| (value, origin.to_owned()));
    if let Some(at) = env.iter().position(|var| var.path == ["profile"]) {
        let var = env.remove(at);
        found = Some((Value::from(var.raw.expose()), var.origin()));
    }
    let Some((value, origin)) = found else { return Ok(Profile::default()) };
    value.deserialize().map_err(|_| ConfigError::Invalid {
        key: "profile".to_owned(),
        origin,
        reason: format!("expected one of {}", Profile::NAMES.join(", ")),
    })
}

/// The table of one section, empty when the file has none.
pub(super) fn subsection(origin: &str, file: &Dict, name: &str) -> Result<Dict, ConfigError> {
    match file.get(name) {
        None => Ok(Dict::new()),
        Some(Value::Dict(_, section)) => Ok(section.clone()),
        Some(_) => Err(ConfigError::Invalid {
            key: name.to_owned(),
            origin: origin.to_owned(),
            reason: "expected a table".to_owned(),
        }),
    }
}

/// File, then variables in the order of their names.
pub(super) fn merge<'a>(
    origin: &str,
    section: &str,
    file: Dict,
    env: impl Iterator<Item = &'a EnvVar>,
    known: &Json,
    typing: Typing,
) -> Result<Figment, ConfigError> {
    let mut merged = Figment::from(Layer { origin: origin.to_owned(), data: file });
    let mut seen: Vec<(Vec<String>, &str)> = Vec::new();
    for var in env {
        let (path, value) = resolve(section, var, known, typing)?;
        if let Some((_, other)) = seen.iter().find(|(earlier, _)| *earlier == path) {
            return Err(ConfigError::Contradiction(format!(
                "{other} and {} set the same key; give one",
                var.name
            )));
        }
        merged = merged.merge(Layer { origin: var.origin(), data: nest(&path, value) });
        seen.push((path, &var.name));
    }
    Ok(merged)
}

/// Where a variable points and what it holds, typed by the default at that place.
fn resolve(
    section: &str,
    var: &EnvVar,
    known: &Json,
    typing: Typing,
) -> Result<(Vec<String>, Value), ConfigError> {
    let mut path = var.path.get(1..).unwrap_or_default().to_vec();
    let mut node = known;
    for depth in 0..path.len() {
        let Some(keys) = names::fixed_keys(node) else { break };
        if let Some(inner) = keys.get(&path[depth]) {
            node = inner;
            continue;
        }
        let last = depth + 1 == path.len();
        if let Some(stem) = path[depth].strip_suffix("_file").filter(|stem| last && is_text(keys.get(*stem)))
        {
            let stem = stem.len();
            path[depth].truncate(stem);
            return Ok((path, Value::from(read_secret(var)?.expose())));
        }
        let names: Vec<&String> = keys.keys().collect();
        let whole = format!("{section}.{}", path[..=depth].join("."));
        return Err(names::unknown("key", &whole, &path[depth], &var.origin(), &names));
    }
    let text = node.is_string() || (node.is_null() && typing == Typing::Text);
    Ok((path, if text { Value::from(var.raw.expose()) } else { toml_or_text(var.raw.expose()) }))
}

fn is_text(node: Option<&Json>) -> bool {
    node.is_some_and(|node| node.is_string() || node.is_null())
}

fn read_secret(var: &EnvVar) -> Result<Secret, ConfigError> {
    let path = var.raw.expose();
    Secret::from_file(Path::new(path)).map_err(|source| ConfigError::SecretFile {
        variable: var.name.clone(),
        path: path.to_owned(),
        source,
    })
}

fn toml_or_text(raw: &str) -> Value {
    let parsed = format!("value = {raw}").parse::<toml::Table>().ok().filter(|table| table.len() == 1);
    parsed.and_then(|mut table| table.remove("value")).map_or_else(|| Value::from(raw), value)
}

fn nest(path: &[String], value: Value) -> Dict {
    match path {
        [] => value.into_dict().unwrap_or_default(),
        [key] => Dict::from([(key.clone(), value)]),
        [key, rest @ ..] => Dict::from([(key.clone(), Value::from(nest(rest, value)))]),
    }
}

/// Instants become text: the settings that want them read RFC 3339.
fn value(toml: toml::Value) -> Value {
    match toml {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(truth) => Value::from(truth),
        toml::Value::Datetime(instant) => Value::from(instant.to_string()),
        toml::Value::Array(items) => Value::from(items.into_iter().map(value).collect::<Vec<_>>()),
        toml::Value::Table(table) => Value::from(dict(table)),
    }
}

fn dict(table: toml::Table) -> Dict {
    table.into_iter().map(|(key, inner)| (key, value(inner))).collect()
}

/// One layer with one origin.
struct Layer {
    origin: String,
    data: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> figment::error::Result<Map<FigmentProfile, Dict>> {
        Ok(Map::from([(FigmentProfile::Default, self.data.clone())]))
    }
}
