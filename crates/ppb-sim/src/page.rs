//! A page that shows the simulator's state, for a person with a browser. It reads nothing but
//! `GET /state` would give, and it loads nothing from elsewhere.

use std::fmt::Write as _;

use serde_json::Value;

use crate::problem::ROUTES;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    table{border-collapse:collapse;margin:0 0 1.5rem}td{border-top:1px solid #8884;padding:.2rem 1.5rem .2rem 0}\
    td+td{font-family:ui-monospace,monospace}:root{color-scheme:light dark}";

/// The page for a state.
pub(crate) fn render(state: &Value) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"2\">\
         <title>PPB simulator</title><style>{STYLE}</style><h1>PPB simulator</h1>\
         <p>Simulated data: no real premise or person. Control it with {}.</p>",
        escaped(ROUTES)
    );
    let mut general = serde_json::Map::new();
    for (name, value) in state.as_object().into_iter().flatten() {
        if value.is_object() {
            section(&mut page, name, value);
        } else {
            general.insert(name.clone(), value.clone());
        }
    }
    section(&mut page, "catalogue", &Value::Object(general));
    page
}

fn section(page: &mut String, title: &str, value: &Value) {
    // Writing to a string cannot fail.
    let _ = write!(page, "<h2>{}</h2><table>", escaped(title));
    let mut rows = Vec::new();
    flatten(String::new(), value, &mut rows);
    if rows.is_empty() {
        page.push_str("<tr><td>none</td></tr>");
    }
    for (name, value) in rows {
        let _ = write!(page, "<tr><td>{}</td><td>{}</td></tr>", escaped(&name), escaped(&value));
    }
    page.push_str("</table>");
}

fn flatten(name: String, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if members.is_empty() && !name.is_empty() => {
            rows.push((name, "on".to_owned()));
        }
        Value::Object(members) => {
            for (member, value) in members {
                let name = if name.is_empty() { member.clone() } else { format!("{name} · {member}") };
                flatten(name, value, rows);
            }
        }
        Value::String(text) => rows.push((name, text.clone())),
        other => rows.push((name, other.to_string())),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shows_everything_and_runs_nothing() {
        let page = render(&json!({
            "premises": 3, "faults": {"stale": {"seconds": 5}, "naive-timestamps": {}, "x": "<script>"}
        }));
        for shown in ["stale · seconds", "<td>5</td>", "<td>on</td>", "&lt;script&gt;", "<td>premises</td>"]
        {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        assert!(!page.contains("<script"));
        assert!(render(&json!({"faults": {}})).contains("none"));
    }
}
