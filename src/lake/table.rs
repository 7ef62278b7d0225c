//! One description per data set. The Arrow schema, the writer's columns, the documentation and
//! any DDL are all derived from it, so that they cannot tell different stories.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Type of a column. Only types that Athena, DuckDB and Spark read alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// True or false.
    Bool,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer. Byte counts use it too: Athena has no unsigned type.
    Int64,
    /// 64-bit float.
    Double,
    /// Milliseconds since the Unix epoch, UTC.
    TimestampMs,
    /// A list of texts.
    TextList,
}

impl Kind {
    /// The word used in documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bool => "bool",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Double => "double",
            Self::TimestampMs => "timestamp[ms, UTC]",
            Self::TextList => "list<text>",
        }
    }

    /// The Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Bool => DataType::Boolean,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::TimestampMs => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Self::TextList => DataType::List(list_element()),
        }
    }
}

/// The field inside a list; `element` is the name the Parquet specification asks for.
pub(super) fn list_element() -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Utf8, false))
}

/// One column of a data set.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name in the file.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Unit of the values, empty when they have none.
    pub unit: &'static str,
    /// Whether NULL can occur; it always means absent, never zero.
    pub nullable: bool,
    /// What it holds, one clause.
    pub doc: &'static str,
    /// Whether its values hardly repeat: then a dictionary of them costs time and saves nothing.
    pub is_varied: bool,
}

impl Column {
    /// A column that always has a value.
    pub const fn new(name: &'static str, kind: Kind, unit: &'static str, doc: &'static str) -> Self {
        Self { name, kind, unit, nullable: false, doc, is_varied: false }
    }

    /// A column in which NULL means absent.
    pub const fn nullable(name: &'static str, kind: Kind, unit: &'static str, doc: &'static str) -> Self {
        Self { name, kind, unit, nullable: true, doc, is_varied: false }
    }

    /// The same column, of values that hardly repeat.
    #[must_use]
    pub const fn varied(self) -> Self {
        Self { is_varied: true, ..self }
    }
}

/// One data set of the lake.
#[derive(Debug)]
pub struct Table {
    /// Name, which is also its directory.
    pub name: &'static str,
    /// Hive partition keys in path order. They are in the path only, not in the file.
    pub partitions: &'static [&'static str],
    /// Columns in file order.
    pub columns: &'static [Column],
    /// What one row is.
    pub doc: &'static str,
}

impl Table {
    /// The Arrow schema; unit and meaning travel in the file as field metadata.
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|column| {
                let field = Field::new(column.name, column.kind.data_type(), column.nullable);
                field.with_metadata([("doc", column.doc), ("unit", column.unit)])
            })
            .collect();
        Arc::new(Schema::new(fields).with_metadata([("doc", self.doc)]))
    }

    /// The documentation of the data set as a Markdown section.
    pub fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n{}\n\nPartitions: ", self.name, self.doc);
        let keys: Vec<String> = self.partitions.iter().map(|key| format!("`{key}`")).collect();
        text.push_str(&keys.join(", "));
        text.push_str(".\n\n| column | type | unit | NULL | meaning |\n|---|---|---|---|---|\n");
        for column in self.columns {
            let null = if column.nullable { "yes" } else { "" };
            let Column { name, kind, unit, doc, .. } = column;
            writeln!(text, "| `{name}` | {} | {unit} | {null} | {doc} |", kind.as_str())
                .expect("writing to a String cannot fail");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::TABLES;

    #[test]
    fn names_are_unique_and_safe_without_quotes() {
        // Words that Athena (Hive DDL or Trino) or DuckDB refuse as bare column names.
        let reserved = ["group", "date", "timestamp", "order", "table", "end", "user", "default"];
        for table in TABLES {
            let mut seen = std::collections::BTreeSet::new();
            for column in table.columns {
                let name = column.name;
                assert!(seen.insert(name), "{}.{name} twice", table.name);
                assert!(!reserved.contains(&name), "{}.{name} is reserved", table.name);
                assert!(!table.partitions.contains(&name), "{}.{name} is in the path", table.name);
                assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
                assert!(!column.doc.is_empty() && !column.doc.contains('|'), "{name}");
            }
        }
    }

    #[test]
    fn markdown_has_a_line_per_column() {
        for table in TABLES {
            let text = table.markdown();
            for column in table.columns {
                let line = format!("| `{}` | {} |", column.name, column.kind.as_str());
                assert_eq!(text.matches(&line).count(), 1, "{}", column.name);
            }
        }
    }

    #[test]
    fn schema_carries_unit_and_meaning() {
        for table in TABLES {
            let schema = table.schema();
            for (field, column) in schema.fields().iter().zip(table.columns) {
                assert_eq!(field.name(), column.name);
                assert_eq!(field.is_nullable(), column.nullable);
                assert_eq!(field.metadata().get("unit").map(String::as_str), Some(column.unit));
                assert_eq!(field.metadata().get("doc").map(String::as_str), Some(column.doc));
            }
        }
    }
}
