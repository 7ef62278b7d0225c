//! Exports: what the sums must add up to, sheets that run nothing, Parquet that documents itself.

use std::collections::BTreeMap;
use std::fs::File;

use outflow::alert::Alert;
use outflow::lake::{DESTINATION_SUMMARY, ENI_SUMMARY, HOURLY, INCIDENT_SUMMARY, Lake, Table};
use outflow::window::Day;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::fixture::{fixture, outflow, stdout};

type Sheet = Vec<BTreeMap<String, String>>;

fn sheet(summary: &str, more: &[&str], table: &Table) -> Sheet {
    let text = stdout(outflow().arg("export").arg(fixture().lake()).args(["--summary", summary]).args(more));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let wanted: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    assert_eq!(names, wanted);
    let rows = reader.records().map(Result::unwrap);
    rows.map(|row| names.iter().cloned().zip(row.iter().map(str::to_owned)).collect()).collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> u64 {
    row[column].parse().unwrap()
}

fn alerts() -> Vec<Alert> {
    Lake::open(fixture().lake()).unwrap().read_alerts(Day(0)..=Day(50_000)).unwrap()
}

#[test]
fn enis_and_destinations_tell_the_same_bytes() {
    let enis = sheet("eni", &[], &ENI_SUMMARY);
    let destinations = sheet("destination", &[], &DESTINATION_SUMMARY);
    let instances: u64 =
        enis.iter().filter(|row| row["class"] == "instance").map(|row| number(row, "external_bytes")).sum();
    assert_eq!(instances, destinations.iter().map(|row| number(row, "egress_bytes")).sum::<u64>());
    assert!(instances > 1 << 30);

    let burst = fixture().attack("burst");
    let prefix = burst.peers[0].rsplit_once('.').unwrap().0.to_owned() + ".0/24";
    let row = destinations.iter().find(|row| row["destination"] == prefix).unwrap();
    assert_eq!((row["top_eni"].as_str(), row["enis"].as_str()), (burst.eni.as_str(), "1"));
    assert!(number(row, "told") >= 1 && number(row, "egress_bytes") >= burst.egress_bytes.unwrap() * 9 / 10);

    let lake = Lake::open(fixture().lake()).unwrap();
    let mut hours: BTreeMap<String, u64> = BTreeMap::new();
    for partition in lake.partitions(&HOURLY).unwrap() {
        for hour in lake.read_hours(&partition).unwrap() {
            *hours.entry(hour.unwrap().id.eni.to_string()).or_default() += 1;
        }
    }
    let listed: BTreeMap<String, u64> =
        enis.iter().map(|row| (row["eni"].clone(), number(row, "hours"))).collect();
    assert_eq!(listed, hours);
}

#[test]
fn incidents_are_all_there_and_a_day_is_a_day() {
    let all = sheet("incident", &[], &INCIDENT_SUMMARY);
    let stored = alerts();
    let ids = |sheet: &Sheet| sheet.iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&all), stored.iter().map(|alert| alert.id.clone()).collect::<Vec<_>>());
    let day = sheet("incident", &["--from", "2026-01-22", "--to", "2026-01-23"], &INCIDENT_SUMMARY);
    let of_day = stored.iter().filter(|alert| alert.window_start.starts_with("2026-01-22"));
    assert_eq!(ids(&day), of_day.map(|alert| alert.id.clone()).collect::<Vec<_>>());
    assert!(!day.is_empty() && day.len() < all.len());
}

#[test]
fn parquet_is_the_sheet_with_units() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("enis.parquet");
    let mut command = outflow();
    command.arg("export").arg(fixture().lake()).args(["--summary", "eni", "--format", "parquet", "-o"]);
    command.arg(&file).assert().success();
    let reader = SerializedFileReader::new(File::open(&file).unwrap()).unwrap();
    let footer = reader.metadata().file_metadata();
    assert_eq!(footer.num_rows() as usize, sheet("eni", &[], &ENI_SUMMARY).len());
    let names: Vec<&str> = footer.schema().get_fields().iter().map(|field| field.name()).collect();
    let wanted: Vec<&str> = ENI_SUMMARY.columns.iter().map(|column| column.name).collect();
    assert_eq!(names, wanted);
    // A second time it is refused, and nothing is lost.
    command.assert().code(2);
    assert!(SerializedFileReader::new(File::open(&file).unwrap()).is_ok());
}

#[test]
fn what_stands_in_logs_is_no_formula() {
    let dir = tempfile::tempdir().unwrap();
    let log = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action \
               log-status flow-direction vpc-id instance-id\n\
               5 111111111111 =cmd|'/C_calc'!A0 10.0.0.5 203.0.113.9 40000 443 6 100 150000 1771200000 1771200060 \
               ACCEPT OK egress @SUM(A1) +1\n";
    std::fs::write(dir.path().join("flows.log"), log).unwrap();
    let lake = dir.path().join("lake");
    outflow().arg("scan").arg(dir.path().join("flows.log")).arg("--lake").arg(&lake).assert().success();
    let text = stdout(outflow().arg("export").arg(&lake).args(["--summary", "eni"]));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let row = reader.records().next().unwrap().unwrap();
    assert_eq!((&row[2], &row[4], &row[6]), ("'=cmd|'/C_calc'!A0", "'@SUM(A1)", "'+1"));
    for cell in &row {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
    }
}
