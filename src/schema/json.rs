//! The JSON Schema (draft 2020-12) of an alert, made from the type that is serialised.

use serde_json::{Value, json};

use crate::alert::Alert;
use crate::alert::model::SCHEMA;

/// The schema. Fields may be added within a version, so those it does not name are allowed.
pub fn alert_schema() -> Value {
    let mut schema = schemars::schema_for!(Alert).to_value();
    schema["$id"] = json!(format!("urn:outflow:{SCHEMA}"));
    schema["title"] = json!(SCHEMA);
    schema["properties"]["schema"]["const"] = json!(SCHEMA);
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_its_version_and_what_must_be_there() {
        let schema = alert_schema();
        assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
        let required = schema["required"].as_array().unwrap();
        assert!(required.contains(&json!("id")) && !required.contains(&json!("guardduty")), "{required:?}");
        assert!(schema["properties"]["egress_bytes"]["description"].as_str().unwrap().contains("bytes"));
    }
}
