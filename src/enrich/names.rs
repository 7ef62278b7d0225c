//! The operator's names for prefixes: CSV with a header, of which `prefix` and `name` are read.

use std::sync::Arc;

use crate::limits::{TABLE_NAMES_MAX, TABLE_TEXT_CHARS_MAX};
use crate::net::Prefix;

/// Reads the file; a mistake is told with its line.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<(Prefix, Arc<str>)>, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(bytes);
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let column = |name: &str| {
        let found = header.iter().position(|have| have.eq_ignore_ascii_case(name));
        found.ok_or_else(|| format!("its first line has no column `{name}`; it wants `prefix,name`"))
    };
    let (prefix, name) = (column("prefix")?, column("name")?);
    let mut entries = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| error.to_string())?;
        let line = row.position().map_or(0, csv::Position::line);
        let (prefix, name) = (&row[prefix], &row[name]);
        let parsed = prefix.parse::<Prefix>().map_err(|_| format!("line {line}: `{prefix}` is no prefix"))?;
        if name.is_empty() {
            return Err(format!("line {line}: {prefix} has no name"));
        }
        entries.push((parsed, text_of(name).map_err(|detail| format!("line {line}: {detail}"))?));
        if entries.len() > TABLE_NAMES_MAX {
            return Err(format!("it has more than {TABLE_NAMES_MAX} names"));
        }
    }
    Ok(entries)
}

/// A text of a table, unless it is longer than any honest one.
pub(super) fn text_of(text: &str) -> Result<Arc<str>, String> {
    if text.chars().count() > TABLE_TEXT_CHARS_MAX {
        return Err(format!("a text has more than {TABLE_TEXT_CHARS_MAX} characters"));
    }
    Ok(text.into())
}
