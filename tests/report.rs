//! What a report says of a lake, and what its file is made of.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command_support;
mod report_support;

use std::fs;

use command_support::bare;
use outflow::detect::Settings;
use outflow::lake::Lake;
use outflow::limits::REPORT_HEAT_HOURS_MAX;
use outflow::report::{Model, ReportOptions, gather, html};
use predicates::prelude::*;
use report_support::{ACCOUNT, DAY, REGION, agreeing, alert, eni, fleet, hostile, hostile_lake, lake, names};
use serde_json::Value;

const LINES: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes \
                     start end action log-status\n";

fn all(lake: &outflow::lake::Lake) -> Model {
    gather(lake, &Settings::default(), &ReportOptions::default()).unwrap()
}

/// Long lists of numbers as what can be read of them.
fn abridged(value: &mut Value) {
    match value {
        Value::Array(values) if values.len() > 12 && values.iter().all(|v| v.is_number() || v.is_null()) => {
            let known: Vec<f64> = values.iter().filter_map(Value::as_f64).collect();
            let most = known.iter().copied().fold(0.0, f64::max);
            *value = format!("{} values, {} known, most {most}", values.len(), known.len()).into();
        }
        Value::Array(values) => values.iter_mut().for_each(abridged),
        Value::Object(fields) => fields.values_mut().for_each(abridged),
        _ => {}
    }
}

#[test]
fn the_model_of_a_small_lake() {
    let dir = tempfile::tempdir().unwrap();
    let alerts =
        vec![agreeing(alert("aaaa", &eni(1), "CRITICAL", true)), alert("bbbb", &eni(2), "LOW", false)];
    let model = all(&lake(dir.path(), &[eni(1), eni(2)], alerts));
    let mut value = serde_json::to_value(&model).unwrap();
    abridged(&mut value);
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn the_chart_shows_the_hour_against_what_was_expected() {
    let dir = tempfile::tempdir().unwrap();
    let model = all(&lake(dir.path(), &[eni(1)], vec![alert("aaaa", &eni(1), "HIGH", true)]));
    let chart = model.incidents[0].chart.as_ref().unwrap();
    let at = ((DAY.first_hour().start_second() - chart.first_second) / 3600 + 5) as usize;
    let sent = chart.sent[at].unwrap();
    assert!(sent > 300 << 20, "{sent}");
    assert!(chart.to_destination[at] > 300 << 20 && chart.to_destination[at] < sent);
    assert_eq!(chart.to_destination[at + 1], 0);
    assert!(chart.high[at] < 64 << 20, "{}", chart.high[at]);
    assert_eq!(chart.sent[at - 8], None, "the gap of the evening before is no zero");
}

#[test]
fn nothing_found_is_said_with_how_much_was_seen() {
    let dir = tempfile::tempdir().unwrap();
    let model = all(&lake(dir.path(), &[eni(1)], Vec::new()));
    assert_eq!(model.headline, "Nothing to report.");
    assert!(model.looked_at.starts_with("Looked at 66 of 72 hours"), "{}", model.looked_at);
    assert_eq!(model.coverage.gaps.len(), 2);
    assert_eq!(model.coverage.missing_objects, 3);
}

#[test]
fn an_incident_is_listed_once_with_its_last_revision() {
    let dir = tempfile::tempdir().unwrap();
    let mut grown = alert("aaaa", &eni(1), "HIGH", true);
    grown["revision"] = 2.into();
    grown["egress_bytes"] = (1_u64 << 32).into();
    let alerts = vec![grown, alert("aaaa", &eni(1), "MEDIUM", true)];
    let model = all(&lake(dir.path(), &[eni(1)], alerts));
    assert_eq!(model.incidents.len(), 1);
    assert_eq!((model.incidents[0].revision, model.incidents[0].egress_bytes), (2, 1 << 32));
    assert_eq!(model.counts.told, [0, 0, 1, 0]);
}

#[test]
fn the_worst_come_first_and_what_was_told_before_what_was_kept_back() {
    let dir = tempfile::tempdir().unwrap();
    let model = all(&fleet(dir.path()));
    let order: Vec<_> = model.incidents.iter().map(|i| (i.told, i.rank)).collect();
    assert!(order.is_sorted_by(|a, b| a >= b), "{order:?}");
    assert_eq!(model.counts.told.iter().sum::<u64>() + model.counts.kept_back, 60);
    assert_eq!(model.counts.charted, 60);
}

#[test]
fn only_the_hours_asked_for_are_reported_on() {
    let dir = tempfile::tempdir().unwrap();
    let lake = fleet(dir.path());
    let noon = DAY.first_hour().start_second() + 12 * 3600;
    let after = ReportOptions { from_second: Some(noon), ..ReportOptions::default() };
    let model = gather(&lake, &Settings::default(), &after).unwrap();
    assert_eq!((model.incidents.len(), model.coverage.hours), (0, 12));
    let before = ReportOptions { to_second: Some(0), ..ReportOptions::default() };
    let error = gather(&lake, &Settings::default(), &before).unwrap_err();
    assert!(error.to_string().contains("holds no hours"), "{error}");
}

#[test]
fn hours_of_some_interfaces_are_those_of_all_less_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let lake = lake(dir.path(), &[eni(1), eni(2), eni(3)], Vec::new());
    for partition in lake.partitions(&outflow::lake::HOURLY).unwrap() {
        let wanted = eni(2);
        let mut all: Vec<_> = lake.read_hours(&partition).unwrap().map(Result::unwrap).collect();
        all.retain(|hour| *hour.id.eni == *wanted);
        let some = lake.read_hours_of(&partition, &names(&[&wanted])).unwrap();
        assert_eq!(some.map(Result::unwrap).collect::<Vec<_>>(), all);
    }
    let stored = lake.read_histories(DAY, &names(&[&eni(3), "eni-unknown"])).unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!((&*stored[0].0.account, &*stored[0].0.region, &*stored[0].0.eni), (ACCOUNT, REGION, &*eni(3)));
}

#[test]
fn headroom_is_shown_when_it_was_measured() {
    let dir = tempfile::tempdir().unwrap();
    let lake = lake(dir.path(), &[eni(1)], Vec::new());
    assert_eq!(all(&lake).fleet.headroom, None);
    let writer = outflow::lake::LakeWriter::create(dir.path()).unwrap();
    let date = DAY.date().to_string();
    let keys = [("account", ACCOUNT), ("region", REGION), ("date", date.as_str())];
    let mut table = writer.table(&outflow::lake::HEADROOM, &keys).unwrap();
    for number in 1..=10_u64 {
        table
            .row(|row| {
                row.text("eni", &eni(number as usize))
                    .text("tier", "mature")
                    .count("new_bytes", number << 20)
                    .int64("known_bytes", None::<i64>)
                    .text_or_null("known_destination", "")
                    .text("config_hash", "c")
                    .end()
            })
            .unwrap();
    }
    table.close().unwrap().publish().unwrap();
    let found = all(&lake).fleet.headroom.unwrap();
    assert_eq!((found.hosts, found.median_new_bytes, found.p90_new_bytes), (10, 5 << 20, 9 << 20));
    assert_eq!((found.most[0].new_bytes, found.most[0].known_bytes), (10 << 20, None));
}

#[test]
fn hostile_text_cannot_leave_its_block() {
    let dir = tempfile::tempdir().unwrap();
    let model = all(&hostile_lake(dir.path()));
    let page = html(&model);
    assert_eq!(page.matches("</script").count(), 2, "its own two blocks");
    assert_eq!(page.matches("<script").count(), 2);
    let (_, rest) = page.split_once("id=\"data\">").unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{202e}', '\u{7}']));
    let back: Value = serde_json::from_str(json).unwrap();
    let eni = back["incidents"][0]["eni"].as_str().unwrap();
    assert!(
        eni.starts_with("</script><script>") && eni.contains("\\u{202e}") && eni.contains("{{data}}"),
        "{eni}"
    );
    assert!(eni.len() < hostile().len(), "and is cut");
    for step in model.incidents.iter().flat_map(|i| i.steps.iter().chain(&i.queries)) {
        assert_eq!(step.command, "", "nothing hostile is offered to paste");
    }
}

#[test]
fn the_page_allows_its_own_script_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let page = html(&all(&lake(dir.path(), &[eni(1)], Vec::new())));
    let (_, policy) = page.split_once("Content-Security-Policy\" content=\"").unwrap();
    let (policy, _) = policy.split_once('"').unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    assert!(policy.contains("require-trusted-types-for 'script'; trusted-types 'none'"), "{policy}");
    assert!(!page.contains("{{"), "every place of the template is filled");
}

#[test]
fn equal_lakes_give_equal_files() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(html(&all(&fleet(one.path()))), html(&all(&fleet(two.path()))));
}

#[test]
fn the_verb_writes_a_file_and_never_over_another() {
    let dir = tempfile::tempdir().unwrap();
    fleet(&dir.path().join("lake"));
    let report = |more: &[&str]| {
        let mut command = bare(dir.path());
        command.args(["report", "lake"]).args(more);
        command
    };
    report(&[]).assert().success().stdout("").stderr(predicate::str::contains("report.html: 60 incidents"));
    report(&[]).assert().code(2).stderr(predicate::str::contains("--force"));
    report(&["--force", "--incident", "000ef"]).assert().success();
    let page = fs::read_to_string(dir.path().join("report.html")).unwrap();
    assert!(page.contains("000ef00d") && !page.contains("000df00d"));
    report(&["-o", "x.html", "--incident", "zz"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("no incident"));
    report(&["-o", "x.html", "--from", "2030-01-01"]).assert().code(2);
    assert!(!dir.path().join("x.html").exists(), "nothing is left of a report that failed");
}

/// The last hour with records may lie long before the end asked for.
#[test]
fn a_time_that_ends_before_the_hours_of_its_last_day_is_reported_on() {
    let dir = tempfile::tempdir().unwrap();
    let (first, last) = (1_772_323_200, 1_772_323_200 + 30 * 86_400 + 18 * 3600);
    let line = |second: i64| {
        format!("2 {ACCOUNT} eni-1 10.0.0.5 203.0.113.9 49152 443 6 1 9 {second} {} ACCEPT OK\n", second + 9)
    };
    fs::write(dir.path().join("a.log"), LINES.to_owned() + &line(first) + &line(last)).unwrap();
    bare(dir.path()).args(["scan", "a.log", "--lake", "lake"]).assert().success();
    let report = |to: &str| {
        let mut command = bare(dir.path());
        command.args(["report", "lake", "--force", "--to", to]);
        command
    };
    report("2026-03-31T12:00:00Z").assert().success();
    report("2026-04-01").assert().success();
    let lake = Lake::open(dir.path().join("lake")).unwrap();
    let heat = |to_second| {
        let options = ReportOptions { to_second, ..ReportOptions::default() };
        let fleet = gather(&lake, &Settings::default(), &options).unwrap().fleet;
        (fleet.heat_hours, fleet.heat[0].sent.iter().flatten().count())
    };
    assert_eq!([heat(Some(last - 3600)), heat(None)], [(1, 1), (REPORT_HEAT_HOURS_MAX, 1)]);
}

#[test]
fn hours_under_another_date_are_damage() {
    let dir = tempfile::tempdir().unwrap();
    fleet(&dir.path().join("lake"));
    let coverage = dir.path().join(format!("lake/coverage/account={ACCOUNT}/region={REGION}"));
    fs::rename(coverage.join(format!("date={}", DAY.date())), coverage.join("date=2031-01-01")).unwrap();
    let told = predicate::str::contains("an hour is of another day");
    bare(dir.path()).args(["report", "lake"]).assert().code(2).stderr(told);
}
