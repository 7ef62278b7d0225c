//! The DDL is what the files are, engines accept it, and every alert is what its schema says.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use outflow::lake::TABLES;
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::Type;
use serde_json::{Value, json};

use crate::fixture::{fixture, outflow, scan, stdout};
use crate::python::python;

/// What Athena calls a column of a footer; told from the footer alone.
fn athena_type(column: &Type) -> String {
    if column.is_group() {
        assert_eq!(column.get_basic_info().converted_type(), ConvertedType::LIST, "{column:?}");
        let repeated = &column.get_fields()[0];
        assert_eq!(repeated.get_basic_info().repetition(), Repetition::REPEATED);
        return format!("array<{}>", athena_type(&repeated.get_fields()[0]));
    }
    match (column.get_physical_type(), column.get_basic_info().logical_type_ref()) {
        (Physical::BYTE_ARRAY, Some(LogicalType::String)) => "string",
        (Physical::BOOLEAN, None) => "boolean",
        (Physical::INT32, None) => "int",
        (Physical::INT64, None) => "bigint",
        (Physical::DOUBLE, None) => "double",
        (Physical::INT64, Some(LogicalType::Timestamp(time)))
            if time.is_adjusted_to_u_t_c && time.unit == TimeUnit::MILLIS =>
        {
            "timestamp"
        }
        other => unreachable!("no type for {other:?}"),
    }
    .to_owned()
}

/// Columns by data set, from the first file of each.
fn footers(lake: &Path) -> BTreeMap<String, Vec<(String, String)>> {
    let mut found = BTreeMap::new();
    for table in TABLES {
        let files = walkdir::WalkDir::new(lake.join(table.name)).sort_by_file_name();
        let mut files = files.into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
        let file = files.next().unwrap_or_else(|| unreachable!("no file of {}", table.name));
        let reader = SerializedFileReader::new(File::open(file.path()).unwrap()).unwrap();
        let root = reader.metadata().file_metadata().schema().get_fields();
        let columns = root.iter().map(|column| (column.name().to_owned(), athena_type(column)));
        found.insert(table.name.to_owned(), columns.collect());
    }
    found
}

#[test]
fn athena_reads_the_columns_that_the_files_have() {
    let lake = fixture().lake();
    let ddl = stdout(outflow().args(["schema", "athena"]));
    for (table, columns) in footers(&lake) {
        let create = ddl.split(&format!("`outflow`.`{table}` (\n")).nth(1).unwrap();
        let body = create.split("\n)\nCOMMENT").next().unwrap();
        let written: Vec<(String, String)> = body
            .lines()
            .map(|line| {
                let mut words = line.split_whitespace();
                let name = words.next().unwrap().trim_matches('`').to_owned();
                (name, words.next().unwrap().to_owned())
            })
            .collect();
        assert_eq!(written, columns, "{table}");
    }
}

#[test]
fn the_ddl_parses_as_athenas_dialect() {
    let script = "
import json, sys, sqlglot
from sqlglot import exp
tables = {}
for statement in sqlglot.parse(json.load(sys.stdin), read='athena'):
    if isinstance(statement, exp.Create) and statement.args['kind'] == 'TABLE':
        columns = statement.this.expressions
        tables[statement.this.this.name] = [[c.name, c.args['kind'].sql('hive').lower()] for c in columns]
    else:
        assert not isinstance(statement, exp.Command), statement.sql()
print(json.dumps(tables))";
    let args = ["schema", "athena", "--location", "s3://lake/a", "--account", "111111111111,222222222222"];
    let ddl = stdout(outflow().args(args).args(["--region", "eu-west-1", "--from", "2026-01-05"]));
    let Some(parsed) = python(script, &json!(ddl)) else { return };
    assert_eq!(parsed, json!(footers(&fixture().lake())));
}

#[test]
fn duckdb_makes_the_views_also_of_what_is_not_there_yet() {
    let script = "
import json, sys, duckdb
connection = duckdb.connect()
connection.execute(json.load(sys.stdin)).fetchall()
names = [row[0] for row in connection.execute(
    'SELECT view_name FROM duckdb_views() WHERE NOT internal').fetchall()]
out = {name: connection.execute(f'SELECT count(*) FROM {name}').fetchall()[0][0] for name in names}
comment = \"SELECT comment FROM duckdb_columns() WHERE table_name = 'hourly' AND column_name = 'egress_bytes'\"
types = [row[1] for row in connection.execute('DESCRIBE alerts').fetchall()]
out['types'] = [types, connection.execute(comment).fetchall()[0][0]]
print(json.dumps(out))";
    let whole = stdout(outflow().args(["schema", "duckdb"]).arg(fixture().lake()));
    let Some(counts) = python(script, &json!(whole)) else { return };
    for table in TABLES {
        assert!(counts[table.name].as_u64().unwrap() > 0, "{counts}");
    }
    assert!(counts["egress"].as_u64().unwrap() > 1000, "{counts}");
    assert_eq!(counts["types"][1], "bytes: sent by the ENI, IP layer with headers");

    let empty = tempfile::tempdir().unwrap();
    let views = stdout(outflow().args(["schema", "duckdb"]).arg(empty.path()));
    let none = python(script, &json!(views)).unwrap();
    assert_eq!(none["guardduty"], 0);
    assert_eq!(none["types"], counts["types"], "an empty view has the same columns");
}

#[test]
fn every_alert_is_what_its_schema_says() {
    let script = "
import json, sys, jsonschema
given = json.load(sys.stdin)
jsonschema.Draft202012Validator.check_schema(given['schema'])
validator = jsonschema.Draft202012Validator(given['schema'])
errors = [[e.message for e in validator.iter_errors(alert)] for alert in given['alerts']]
print(json.dumps(errors))";
    let dir = tempfile::tempdir().unwrap();
    let lake = dir.path().join("lake");
    let (names, suppressions) = (dir.path().join("names.csv"), dir.path().join("suppressions.toml"));
    let drip = fixture().attack("drip");
    std::fs::write(&names, format!("prefix,name\n{},somewhere\n", drip.peers[0])).unwrap();
    crate::suppress::add(&suppressions, &drip.eni, "name:somewhere", "10GiB").success();
    let mut more = vec!["--lake", lake.to_str().unwrap(), "--names", names.to_str().unwrap()];
    more.extend(["--suppressions", suppressions.to_str().unwrap()]);
    let assert = scan(fixture(), &more).success();
    let lines = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let mut alerts: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(alerts.len() > 20 && alerts.iter().any(|alert| alert["guardduty"]["status"] == "agrees"));
    assert!(alerts.iter().any(|alert| alert["known"]["name"] == "somewhere"));
    assert!(alerts.iter().any(|alert| alert["suppressions"][0]["outcome"] == "hidden"));
    let real = alerts.len();
    let spoilt =
        [("schema", json!("outflow.alert.v2")), ("egress_bytes", json!(-1)), ("severity", json!("DIRE"))];
    for (field, value) in spoilt {
        let mut alert = alerts[0].clone();
        alert[field] = value;
        alerts.push(alert);
    }
    let schema: Value = serde_json::from_str(&stdout(outflow().args(["schema", "json"]))).unwrap();
    // Nothing is printed that the schema does not name.
    let named = schema["properties"].as_object().unwrap();
    for field in alerts[0].as_object().unwrap().keys() {
        assert!(named.contains_key(field), "{field}");
    }
    let Some(errors) = python(script, &json!({ "schema": schema, "alerts": alerts })) else { return };
    let errors: Vec<Vec<String>> = serde_json::from_value(errors).unwrap();
    assert_eq!(errors[..real].concat(), Vec::<String>::new());
    assert!(errors[real..].iter().all(|found| !found.is_empty()), "{:?}", &errors[real..]);
}

#[test]
fn the_documentation_names_every_column() {
    let text = stdout(outflow().args(["schema", "markdown"]));
    for column in TABLES.iter().flat_map(|table| table.columns) {
        assert!(text.contains(&format!("| `{}` |", column.name)), "{}", column.name);
    }
    assert!(text.contains("## eni_summary") && text.contains("## incident_summary"));
}
