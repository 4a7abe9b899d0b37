//! Output: the API's document as it is, or text for people. Missing values print as `-`.

use std::io::{IsTerminal, Write};

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::Value;

/// Where and in which form a command answers.
pub(crate) struct Printer {
    json: bool,
}

impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a progress display is of use: people look at standard error and did not ask for JSON.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }

    /// Prints the document, or what `text` makes of it.
    pub(crate) fn document(
        &self,
        document: &Value,
        text: impl FnOnce(&Value) -> String,
    ) -> anyhow::Result<()> {
        let mut shown = if self.json { serde_json::to_string_pretty(document)? } else { text(document) };
        while shown.ends_with('\n') {
            shown.pop();
        }
        writeln!(std::io::stdout(), "{shown}")?;
        Ok(())
    }

    /// Prints one of many documents on a line of its own.
    pub(crate) fn line(&self, document: &Value, text: impl FnOnce(&Value) -> String) -> std::io::Result<()> {
        let shown = if self.json { document.to_string() } else { text(document) };
        writeln!(std::io::stdout(), "{shown}")
    }
}

/// A value as people write it.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A table of the members `keys` of every row, with titles.
pub(crate) fn table(rows: &Value, columns: &[(&str, &str)]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(columns.iter().map(|(title, _)| *title));
    for row in rows.as_array().into_iter().flatten() {
        table.add_row(columns.iter().map(|(_, key)| cell(at(row, key))));
    }
    table.trim_fmt()
}

/// Members one a line, titles aligned.
pub(crate) fn fields(document: &Value, lines: &[(&str, &str)]) -> String {
    let width = lines.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
    let line = |(title, key): &(&str, &str)| format!("{title:width$}  {}\n", cell(at(document, key)));
    lines.iter().map(line).collect()
}

/// The member at a dotted path.
pub(crate) fn at<'a>(document: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(document, |inner, key| &inner[key])
}

/// The line below a page of a list.
pub(crate) fn page_line(document: &Value, shown: &Value) -> String {
    let count = shown.as_array().map_or(0, Vec::len);
    format!("\n\n{count} of {} (page {})", cell(&document["total"]), cell(&document["page"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_and_fields_find_nested_members() {
        let rows = json!([{"a": {"b": 1}, "c": null}, {"a": {"b": "x"}, "c": [1, "y"]}]);
        let text = table(&rows, &[("B", "a.b"), ("C", "c")]);
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains('-') && text.contains("1, y"), "{text}");
        assert_eq!(fields(&rows[0], &[("Long", "a.b"), ("X", "c")]), "Long  1\nX     -\n");
    }
}
