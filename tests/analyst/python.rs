//! Other people's engines as judges: `DuckDB`, `sqlglot`, `jsonschema`.

use serde_json::Value;

use crate::venv;

/// Pinned, so that a new release cannot turn a test red.
const PACKAGES: [&str; 6] = [
    "duckdb==2.0.0",
    "sqlglot==30.30.0",
    "jsonschema==4.26.0",
    "ocsf-json-schema==1.2.0",
    "pytz==2025.2",
    "rpds-py==2026.9.1",
];

/// Runs a script as [`venv::python`] does.
pub fn python(script: &str, input: &Value) -> Option<Value> {
    venv::python("analyst", &PACKAGES, script, input)
}
