//! Changes a settings object by a partial one: what is named is set, null puts the default back,
//! the rest stays. Unknown names are refused by the settings type, which lists the known ones.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// `current` with the members of `patch` in place. Objects are merged `depth` levels deep and
/// replaced below that.
pub(crate) fn merge<T: Serialize + DeserializeOwned>(
    current: &T,
    patch: &[u8],
    depth: u32,
) -> Result<T, String> {
    let patch: Map<String, Value> =
        serde_json::from_slice(patch).map_err(|error| format!("send a JSON object: {error}"))?;
    let mut merged = serde_json::to_value(current).map_err(|error| error.to_string())?;
    if let Value::Object(target) = &mut merged {
        merge_into(target, patch, depth);
    }
    serde_json::from_value(merged).map_err(|error| error.to_string())
}

fn merge_into(target: &mut Map<String, Value>, patch: Map<String, Value>, depth: u32) {
    for (name, value) in patch {
        match (target.get_mut(&name), value) {
            (Some(Value::Object(inner)), Value::Object(change)) if depth > 1 => {
                merge_into(inner, change, depth - 1);
            }
            (_, Value::Null) => {
                target.remove(&name);
            }
            (_, value) => {
                target.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Settings {
        one: u32,
        inner: Inner,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Inner {
        two: u32,
        three: u32,
    }

    fn settings(one: u32, two: u32, three: u32) -> Settings {
        Settings { one, inner: Inner { two, three } }
    }

    #[test]
    fn sets_keeps_and_resets() {
        let current = settings(1, 2, 3);
        let merged = |patch: &str, depth| merge(&current, patch.as_bytes(), depth).unwrap();
        assert_eq!(merged(r#"{"inner":{"two":9}}"#, 2), settings(1, 9, 3));
        assert_eq!(merged(r#"{"inner":{"two":9}}"#, 1), settings(1, 9, 0));
        assert_eq!(merged(r#"{"one":null}"#, 2), settings(0, 2, 3));
    }

    #[test]
    fn names_what_is_unknown_or_wrong() {
        let error = |patch: &str| merge(&settings(1, 2, 3), patch.as_bytes(), 2).unwrap_err();
        assert!(error(r#"{"onne":1}"#).contains("unknown field `onne`, expected `one` or `inner`"));
        assert!(error(r#"{"one":"x"}"#).contains("invalid type"));
        assert!(error("[]").contains("send a JSON object"));
    }
}
