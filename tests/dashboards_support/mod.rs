//! The dashboards as values: what they query, and which variables they use.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use outflow::telemetry::Metrics;
use serde_json::Value;

/// What Grafana itself puts in place of its own variables, with a step of a second.
const BUILT_IN: [(&str, &str); 3] = [("__rate_interval", "15s"), ("__interval", "5s"), ("__range", "1m")];

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

/// The dashboards for Grafana, by name.
pub fn grafana() -> Vec<(String, Value)> {
    let read = |name: &str| {
        let text = fs::read_to_string(folder().join(name)).unwrap();
        (name.to_owned(), serde_json::from_str(&text).unwrap())
    };
    ["operations.json", "detections.json"].map(read).to_vec()
}

pub fn panels(board: &Value) -> &Vec<Value> {
    board["panels"].as_array().unwrap()
}

/// Names of the variables that a dashboard defines.
pub fn variables(board: &Value) -> BTreeSet<String> {
    let defined = board["templating"]["list"].as_array().unwrap().iter();
    defined.map(|variable| variable["name"].as_str().unwrap().to_owned()).collect()
}

/// Names of the variables that are used anywhere in a dashboard, without Grafana's own.
pub fn variables_used(board: &Value) -> BTreeSet<String> {
    let text = board.to_string();
    let mut used = BTreeSet::new();
    for rest in text.split('$').skip(1) {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if !name.starts_with("__") {
            used.insert(name);
        }
    }
    used
}

/// Title and query of each target of each panel, variables replaced as by Grafana when all values
/// are chosen.
pub fn queries(board: &Value) -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for panel in panels(board).iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            let mut query = target["expr"].as_str().unwrap().to_owned();
            for (name, value) in BUILT_IN {
                query = query.replace(&format!("${name}"), value);
            }
            for variable in board["templating"]["list"].as_array().unwrap() {
                let all = variable["allValue"].as_str().unwrap_or_default();
                query = query.replace(&format!("${}", variable["name"].as_str().unwrap()), all);
            }
            assert!(!query.contains('$'), "{title}: {query}");
            queries.push((title.to_owned(), query));
        }
    }
    queries
}

/// The names of our metrics in a query.
pub fn metric_names(query: &str) -> BTreeSet<String> {
    let words = query.split(|c: char| !c.is_alphanumeric() && c != '_');
    let ours = |word: &&str| word.starts_with("outflow_") || word.starts_with("process_");
    words.filter(ours).map(str::to_owned).collect()
}

/// The names of the metrics on our page.
pub fn exposed() -> BTreeSet<String> {
    let page = Metrics::new(0.0).page();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let mut names: BTreeSet<String> =
        samples.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect();
    // Absent where there is no /proc.
    names.insert("process_resident_memory_bytes".to_owned());
    names
}

/// The series of a CloudWatch dashboard: namespace, metric, dimensions and their values.
pub fn widgets(board: &Value) -> Vec<Vec<String>> {
    let widgets = board["widgets"].as_array().unwrap().iter().filter(|widget| widget["type"] == "metric");
    let series = widgets.flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap());
    let words = |one: &Value| {
        one.as_array().unwrap().iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    series.map(words).collect()
}
