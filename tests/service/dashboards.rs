//! Dashboards and alert rules against a real Prometheus that scrapes our `/metrics`: every query
//! gives data, and every alert tells a sick watcher from a well one. And without one: dashboards are
//! whole, and show what there is.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "Prometheus lives by the clock; waiting is bounded by it")]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::dashboards_support::{
    exposed, folder, grafana, metric_names, panels, queries, variables, widgets,
};
use crate::prometheus_support::{Prometheus, free_port, promtool};
use outflow::detect::Severity;
use outflow::pipeline::Standing;
use outflow::record::{ReadReport, SkipReason};
use outflow::telemetry::{DeliveryOutcome, MessageOutcome, Metrics, ObjectOutcome, Server};
use serde_json::Value;

/// A rate needs two scrapes, which come every second; busy machines are slow.
const DATA_WITHIN: Duration = Duration::from_mins(2);

fn now_second() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

/// What a watcher says, and where.
fn watcher() -> (Arc<Metrics>, Server) {
    let metrics = Arc::new(Metrics::new(now_second()));
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::start(any, Arc::clone(&metrics), Duration::from_mins(5), now_second).unwrap();
    (metrics, server)
}

fn report(lines: u64, skipped: u64) -> ReadReport {
    let mut report = ReadReport { object_bytes: 5_000, text_bytes: 50_000, lines, ..ReadReport::default() };
    (report.records, report.no_data, report.skip_data) = (lines - skipped - 2, 1, 1);
    report.skipped[SkipReason::BadNumber as usize] = skipped;
    report
}

/// A minute in the life of a watcher that is well.
fn live_well(metrics: &Metrics) {
    let now = now_second();
    metrics.object_read(&report(1000, 1));
    metrics.object_not_read(ObjectOutcome::Duplicate);
    metrics.messages(MessageOutcome::Received, 3);
    metrics.messages(MessageOutcome::Deleted, 3);
    metrics.queue_lag(5.0);
    metrics.hour_closed(now as i64 - 3600);
    metrics.standing(&Standing {
        seen_share: Some(0.999),
        tiers: [3, 0, 97],
        spent_alerts: 2,
        allowed_alerts: 5.0,
    });
    metrics.corrected(7);
    metrics.checkpoint_written(now, 20_000);
    metrics.told(Severity::High);
    metrics.kept_back(1);
    metrics.withdrawn();
    metrics.finding();
    metrics.delivered(DeliveryOutcome::Published, 1);
    metrics.outbox(1);
}

/// A minute in the life of a watcher that has everything that there is an alert for.
fn live_sick(metrics: &Metrics) {
    let now = now_second();
    metrics.object_read(&report(1000, 100));
    for lost in [ObjectOutcome::Missing, ObjectOutcome::TooLate, ObjectOutcome::Foreign] {
        metrics.object_not_read(lost);
    }
    metrics.queue_lag(7200.0);
    metrics.hour_closed(now as i64 - 6 * 3600);
    metrics.standing(&Standing { seen_share: Some(0.5), ..Standing::default() });
    metrics.checkpoint_written(now - 7200.0, 20_000);
    metrics.told(Severity::Critical);
    metrics.delivered(DeliveryOutcome::Failed, 1);
    metrics.delivered(DeliveryOutcome::Refused, 1);
    metrics.outbox(500);
}

/// Scrapes a watcher that is well, one that is sick, and one that is gone.
fn config(well: &Server, sick: &Server) -> String {
    let target = |address: SocketAddr, instance: &str| {
        format!("      - {{targets: ['{address}'], labels: {{instance: {instance}}}}}\n")
    };
    let gone = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let targets = target(well.address(), "well") + &target(sick.address(), "sick") + &target(gone, "gone");
    let rules = folder().join("rules/outflow.yml");
    format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\nscrape_configs:\n  - job_name: outflow\n    static_configs:\n{targets}",
        rules.display()
    )
}

/// Whether the query gives a number.
fn has_data(prometheus: &Prometheus, query: &str) -> bool {
    let series = prometheus.query(query).unwrap_or_else(|error| panic!("{error}"));
    series.iter().any(|one| !one.value.is_nan())
}

/// Whether the alert is raised for a watcher that is not well. Alerts are queries that give the
/// cases; how long they must hold is for `promtool test rules`.
fn tells_the_sick(prometheus: &Prometheus, query: &str) -> bool {
    let series = prometheus.query(query).unwrap_or_else(|error| panic!("{error}"));
    series.iter().any(|one| ["sick", "gone"].contains(&one.label("instance")))
}

#[test]
fn every_panel_has_data_and_every_alert_tells_the_sick_from_the_well() {
    let ((well, well_server), (sick, sick_server)) = (watcher(), watcher());
    let Some(prometheus) = Prometheus::start(&config(&well_server, &sick_server)) else { return };
    let rules = prometheus.alerts();
    assert!(rules.len() > 10, "{rules:?}");
    let mut panels: Vec<(String, String)> = grafana().iter().flat_map(|(_, board)| queries(board)).collect();
    assert!(panels.len() > 40, "{}", panels.len());
    let mut alerts = rules.clone();
    let start = Instant::now();
    while !(panels.is_empty() && alerts.is_empty()) {
        live_well(&well);
        live_sick(&sick);
        panels.retain(|(_, query)| !has_data(&prometheus, query));
        alerts.retain(|(_, query)| !tells_the_sick(&prometheus, query));
        assert!(
            start.elapsed() < DATA_WITHIN,
            "no data: {panels:#?}\nnot told: {alerts:#?}\ntargets: {:#?}",
            prometheus.target_errors()
        );
        std::thread::sleep(Duration::from_millis(300));
    }
    for (name, query) in rules {
        let series = prometheus.query(&query).unwrap();
        assert!(series.iter().all(|one| one.label("instance") != "well"), "{name}: {series:?}");
    }
}

#[test]
fn the_rules_pass_promtool() {
    let rules = folder().join("rules");
    for arguments in [["check", "rules", "outflow.yml"], ["test", "rules", "outflow_test.yml"]] {
        let Some((passed, said)) = promtool(&arguments, &rules) else { return };
        assert!(passed, "promtool {arguments:?}:\n{said}");
    }
    if let Some((passed, said)) = promtool(&["check", "config", "prometheus.yml"], &folder()) {
        assert!(passed, "{said}");
    }
}

#[test]
fn every_alert_has_a_test_of_its_own_and_says_what_to_do() {
    let read = |name: &str| std::fs::read_to_string(folder().join("rules").join(name)).unwrap();
    let (rules, tests) = (read("outflow.yml"), read("outflow_test.yml"));
    let names: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert_eq!(rules.matches("\n          description: ").count(), names.len());
    for name in names {
        let silent = tests.contains(&format!("alertname: {name}, exp_alerts: [] }}"));
        let raised = tests.contains(&format!("alertname: {name}\n        exp_alerts:\n          "));
        assert!(silent && raised, "{name}: silent {silent}, raised {raised}");
    }
}

#[test]
fn panels_are_whole_and_use_only_variables_that_are_there() {
    for (name, board) in grafana() {
        let defined = variables(&board);
        assert!(defined.contains("datasource") && defined.contains("instance"), "{name}: {defined:?}");
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in panels(&board) {
            let title = panel["title"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: {title}: the id is taken");
            let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            for cell in
                (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)))
            {
                assert!(cell.0 < 24 && taken.insert(cell), "{name}: {title} overlaps at {cell:?}");
            }
            if panel["type"] == "row" {
                continue;
            }
            assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}: {title}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{name}: {title}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}: {title}");
        }
        for used in crate::dashboards_support::variables_used(&board) {
            assert!(defined.contains(&used), "{name}: ${used} is not defined");
        }
    }
}

#[test]
fn what_is_shown_is_exposed_and_what_is_exposed_is_shown() {
    let exposed = exposed();
    let mut shown = BTreeSet::new();
    for (name, board) in grafana() {
        for (panel, query) in queries(&board) {
            for metric in metric_names(&query) {
                assert!(exposed.contains(&metric), "{name}: {panel}: there is no {metric}");
                shown.insert(metric);
            }
        }
    }
    let rules = std::fs::read_to_string(folder().join("rules/outflow.yml")).unwrap();
    for metric in metric_names(&rules) {
        assert!(exposed.contains(&metric), "rules: there is no {metric}");
    }
    let hidden: Vec<_> = exposed.difference(&shown).collect();
    assert!(hidden.is_empty(), "on no dashboard: {hidden:?}");
}

/// The agent sends what is declared, with the dimensions that are declared, and a widget that asks
/// for others stays empty.
#[test]
fn the_cloudwatch_dashboard_shows_what_the_agent_sends() {
    let read = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap();
    let agent: Value = serde_json::from_str(&read("cloudwatch-agent.json")).unwrap();
    let processor = &agent["logs"]["metrics_collected"]["prometheus"]["emf_processor"];
    assert_eq!(processor["metric_namespace"], "outflow");
    let page = Metrics::new(0.0).page();
    let mut sent = BTreeSet::new();
    for declared in processor["metric_declaration"].as_array().unwrap() {
        for selector in declared["metric_selectors"].as_array().unwrap() {
            let metric = selector.as_str().unwrap().trim_start_matches('^').trim_end_matches('$');
            let dimensions: Vec<&str> =
                declared["dimensions"][0].as_array().unwrap().iter().map(|d| d.as_str().unwrap()).collect();
            assert_eq!(dimensions[0], "job");
            let label =
                dimensions.get(1).map_or(format!("\n{metric} "), |name| format!("\n{metric}{{{name}="));
            assert!(page.contains(&label) || metric.starts_with("process_"), "there is no {label:?}");
            sent.insert((metric.to_owned(), dimensions.get(1).map(|name| (*name).to_owned())));
        }
    }
    let board: Value = serde_json::from_str(&read("cloudwatch.json")).unwrap();
    let mut shown = BTreeSet::new();
    for series in widgets(&board).into_iter().filter(|series| series[0] == "outflow") {
        let metric = series[1].clone();
        assert_eq!((series[2].as_str(), series[3].as_str()), ("job", "outflow"), "{metric}");
        if let [_, _, _, _, name, value] = series.as_slice() {
            assert!(page.contains(&format!("\n{metric}{{{name}=\"{value}\"}} ")), "{metric} {name}={value}");
        }
        shown.insert((metric, series.get(4).cloned()));
    }
    assert_eq!(shown, sent, "shown and sent");
}
