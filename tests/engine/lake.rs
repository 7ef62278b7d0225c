//! The lake from outside: what is written reads back, a day is replaced exactly, and nothing
//! half-written is ever seen.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use crate::lake_support::{DAY, alert, any_hour, busy_day, eni_hour, files, flow, partition, read};
use outflow::backtest::{Headroom, save};
use outflow::baseline::eni::Tier;
use outflow::guardduty::{Correlated, read_findings};
use outflow::lake::{
    ALERTS, COVERAGE, Column, HOURLY, Kind, Lake, LakeError, LakeWriter, Partition, TABLES, Table,
};
use outflow::window::{ClosedHour, Day, EniHour, EniId, HourObjects, Seal};
use proptest::collection::vec;
use proptest::prelude::*;

const DATE: &str = "2026-02-16";

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hours_read_back_as_they_were(mut hours in vec(any_hour(), 0..12)) {
        hours.sort_by(|a, b| (a.hour, &a.id).cmp(&(b.hour, &b.id)));
        hours.dedup_by(|a, b| (a.hour, &a.id) == (b.hour, &b.id));
        let dir = tempfile::tempdir().unwrap();
        let writer = LakeWriter::create(dir.path()).unwrap();
        let written = writer.write_hours(DAY, &hours).unwrap();
        let lake = Lake::open(dir.path()).unwrap();
        prop_assert_eq!(&lake.partitions(&HOURLY).unwrap(), &written);
        prop_assert_eq!(&lake.partitions(&COVERAGE).unwrap(), &written);
        let mut back: Vec<EniHour> = written.iter().flat_map(|partition| read(&lake, partition)).collect();
        back.sort_by(|a, b| (a.hour, &a.id).cmp(&(b.hour, &b.id)));
        prop_assert_eq!(back, hours);
    }
}

#[test]
fn the_same_hours_give_the_same_bytes_however_they_are_sliced() {
    let hours = busy_day();
    let whole = tempfile::tempdir().unwrap();
    LakeWriter::create(whole.path()).unwrap().write_hours(DAY, &hours).unwrap();
    let expected = files(whole.path());
    assert_eq!(expected.len(), 4, "{:?}", expected.keys());
    for slice in [1, 7, 10, 111] {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = LakeWriter::create(dir.path()).unwrap().day(DAY);
        for part in hours.chunks(slice) {
            let mut part = part.to_vec();
            part.reverse();
            for hour in &mut part {
                hour.flows.reverse();
            }
            writer.write(&part).unwrap();
        }
        writer.finish().unwrap();
        assert!(files(dir.path()) == expected, "slices of {slice} gave other bytes");
    }
}

#[test]
fn a_day_written_again_replaces_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let lake = LakeWriter::create(dir.path()).unwrap();
    let hours = busy_day();
    lake.write_hours(DAY, &hours).unwrap();
    let other_day = Day(DAY.0 + 1);
    let mut next = eni_hour("111111111111", 0, "eni-0", vec![flow("203.0.113.1", 1)]);
    next.hour = other_day.first_hour();
    lake.write_hours(other_day, std::slice::from_ref(&next)).unwrap();
    let before = files(dir.path());
    lake.write_hours(DAY, &hours).unwrap();
    assert!(files(dir.path()) == before, "the same day again gave other bytes");

    let fewer = [eni_hour("111111111111", 3, "eni-9", vec![])];
    assert_eq!(lake.write_hours(DAY, &fewer).unwrap(), [partition("111111111111")]);
    let reader = lake.reader();
    assert_eq!(read(&reader, &partition("111111111111")), fewer);
    assert_eq!(read(&reader, &partition("222222222222")).len(), 24 * 5, "another account stays");
    let of_next = Partition { day: other_day, ..partition("111111111111") };
    assert_eq!(read(&reader, &of_next), [next], "another day stays");
}

#[test]
fn nothing_is_seen_before_finish_and_an_abandoned_day_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let lake = LakeWriter::create(dir.path()).unwrap();
    let old = [eni_hour("111111111111", 0, "eni-0", vec![flow("203.0.113.1", 1)])];
    lake.write_hours(DAY, &old).unwrap();
    let before = files(dir.path());
    let mut writer = lake.day(DAY);
    writer.write(&busy_day()).unwrap();
    assert_eq!(read(&lake.reader(), &partition("111111111111")), old);
    assert_eq!(lake.reader().partitions(&HOURLY).unwrap(), [partition("111111111111")]);
    drop(writer);
    assert!(files(dir.path()) == before, "an abandoned day left something");
}

#[test]
fn leftovers_of_a_crash_are_removed_and_only_one_process_writes() {
    let dir = tempfile::tempdir().unwrap();
    let lake = LakeWriter::create(dir.path()).unwrap();
    lake.write_hours(DAY, &[eni_hour("1", 0, "eni-0", vec![flow("203.0.113.1", 1)])]).unwrap();
    let before = files(dir.path());
    let error = LakeWriter::create(dir.path()).unwrap_err();
    assert!(matches!(error, LakeError::Locked { .. }), "{error}");
    drop(lake);

    let beside = dir.path().join(format!("hourly/account=1/region=eu-central-1/date={DATE}"));
    assert!(beside.join("part-0.parquet").is_file(), "the layout is Hive's");
    let elsewhere = dir.path().join("coverage/account=9/region=x/date=2020-01-01");
    fs::create_dir_all(&elsewhere).unwrap();
    let abandoned = [beside, elsewhere].map(|at| at.join(".part-0.parquet.tmp"));
    for path in &abandoned {
        fs::write(path, b"PAR1 half a fi").unwrap();
    }
    // A reader neither sees nor removes them.
    assert_eq!(Lake::open(dir.path()).unwrap().partitions(&COVERAGE).unwrap().len(), 1);
    assert!(abandoned.iter().all(|path| path.exists()));
    LakeWriter::create(dir.path()).unwrap();
    assert!(files(dir.path()) == before);
}

#[test]
fn hostile_names_stay_in_the_lake_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("lake");
    let lake = LakeWriter::create(&root).unwrap();
    let long = "9".repeat(3000);
    let null = "__HIVE_DEFAULT_PARTITION__";
    let names = ["../../../escaped", "/etc", "..", "", "a/b=c", "%2e%2e", "\u{202e}\0\n", null];
    let every = names.iter().copied().chain([long.as_str()]);
    let hours: Vec<EniHour> = every.map(|name| eni_hour(name, 0, "eni-0", vec![])).collect();
    assert_eq!(lake.write_hours(DAY, &hours).unwrap().len(), hours.len());
    let reader = lake.reader();
    for hour in &hours {
        assert_eq!(read(&reader, &partition(&hour.id.account)), std::slice::from_ref(hour));
    }
    let found = reader.partitions(&HOURLY).unwrap();
    assert_eq!(found.len(), hours.len());
    // The one too long for a path is found by its stand-in.
    let long = found.iter().find(|partition| !names.contains(&&*partition.account)).unwrap();
    assert_eq!(read(&reader, long).len(), 1);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "something was written outside");
    for path in files(&root).keys() {
        assert_eq!(path.components().count(), 5, "{path:?}");
    }
}

#[test]
fn hours_out_of_order_or_of_another_day_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = LakeWriter::create(dir.path()).unwrap().day(DAY);
    writer.write(&[eni_hour("1", 5, "eni-1", vec![])]).unwrap();
    for again in [eni_hour("1", 5, "eni-1", vec![]), eni_hour("1", 4, "eni-2", vec![])] {
        assert!(matches!(writer.write(&[again]), Err(LakeError::Order { .. })));
    }
    writer.write(&[eni_hour("2", 4, "eni-2", vec![])]).unwrap();
    let wrong = writer.write(&[eni_hour("1", 24, "eni-1", vec![])]).unwrap_err();
    assert!(wrong.to_string().contains("2026-02-17T00:00:00Z"), "{wrong}");
}

#[test]
fn counts_beyond_athenas_bigint_stay_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let lake = LakeWriter::create(dir.path()).unwrap();
    lake.write_hours(DAY, &[eni_hour("1", 0, "eni-1", vec![flow("203.0.113.1", u64::MAX)])]).unwrap();
    let back = read(&lake.reader(), &partition("1"));
    assert_eq!(back[0].flows[0].egress_bytes, i64::MAX as u64);
}

#[test]
fn files_that_do_not_belong_together_are_damage_not_data() {
    let dir = tempfile::tempdir().unwrap();
    let lake = LakeWriter::create(dir.path()).unwrap();
    let some = |count: u64| (0..count).map(|n| flow(&format!("203.0.113.{n}"), n)).collect();
    lake.write_hours(DAY, &[eni_hour("1", 0, "eni-1", some(2))]).unwrap();
    let hourly = |account: &str| {
        dir.path().join(format!("hourly/account={account}/region=eu-central-1/date={DATE}/part-0.parquet"))
    };
    let damaged = |why: &str| {
        let hours = lake.reader().read_hours(&partition("1"));
        let error = hours.and_then(Iterator::collect::<Result<Vec<_>, _>>).unwrap_err();
        assert!(matches!(error, LakeError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    };
    for (account, count, why) in [("2", 1, "not those that coverage counts"), ("3", 3, "more rows than")] {
        lake.write_hours(DAY, &[eni_hour(account, 0, "eni-1", some(count))]).unwrap();
        fs::copy(hourly(account), hourly("1")).unwrap();
        damaged(why);
    }
    fs::write(hourly("1"), b"PAR1 not really PAR1").unwrap();
    damaged("part-0.parquet is damaged");
    fs::remove_file(hourly("1")).unwrap();
    damaged("missing");
    assert_eq!(read(&lake.reader(), &partition("4")), [], "never written is empty");
}

#[test]
fn a_bit_that_flips_is_damage_or_nothing_and_never_another_number() {
    let dir = tempfile::tempdir().unwrap();
    let mut hours = busy_day();
    hours.truncate(6);
    let partition = &LakeWriter::create(dir.path()).unwrap().write_hours(DAY, &hours).unwrap()[0];
    let lake = Lake::open(dir.path()).unwrap();
    let read = || lake.read_hours(partition)?.collect::<Result<Vec<_>, LakeError>>();
    let whole = read().unwrap();
    for name in ["hourly", "coverage"] {
        let path = dir.path().join(files(dir.path()).keys().find(|path| path.starts_with(name)).unwrap());
        let bytes = fs::read(&path).unwrap();
        for at in (0..bytes.len()).step_by(29) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(&path, flipped).unwrap();
            match read() {
                Ok(read) => assert!(read == whole, "{name}: byte {at} of {} gave other rows", bytes.len()),
                Err(error) => assert!(matches!(error, LakeError::Damaged { .. }), "{error}"),
            }
        }
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn alerts_read_back_are_found_by_prefix_and_go_when_they_are_no_longer_raised() {
    let dir = tempfile::tempdir().unwrap();
    let lake = LakeWriter::create(dir.path()).unwrap();
    let scanned = [partition("1"), partition("2"), partition("3")];
    let mut grown = alert("abc1", "1", 30.0);
    grown.revision = 2;
    let mut alerts = vec![alert("abd", "2", 12.345_678_901_234_567), grown.clone(), alert("abc1", "1", 20.0)];
    lake.write_alerts(DAY, &scanned, &alerts).unwrap();
    let first = files(dir.path());
    alerts.reverse();
    lake.write_alerts(DAY, &scanned, &alerts).unwrap();
    assert!(files(dir.path()) == first, "the order given changed the bytes");

    let reader = Lake::open(dir.path()).unwrap();
    assert_eq!(reader.partitions(&ALERTS).unwrap().len(), 3, "a clean partition has an empty file");
    let sorted = [alert("abc1", "1", 20.0), grown.clone(), alert("abd", "2", 12.345_678_901_234_567)];
    assert_eq!(reader.read_alerts(DAY..=DAY).unwrap(), sorted);
    assert_eq!(reader.read_alerts(Day(0)..=Day(DAY.0 - 1)).unwrap(), []);

    assert_eq!(reader.find_alert("abc").unwrap(), Some(grown), "the last revision");
    assert_eq!(reader.find_alert("abd").unwrap().unwrap().account, "2");
    assert_eq!(reader.find_alert("x").unwrap(), None);
    let error = reader.find_alert("ab").unwrap_err();
    assert!(error.to_string().contains("abc1, abd"), "{error}");

    lake.write_alerts(DAY, &scanned[..1], &[alert("abcd", "1", 1.0), alert("abcde", "1", 1.0)]).unwrap();
    assert_eq!(reader.find_alert("abc1").unwrap(), None, "replaced");
    assert_eq!(reader.find_alert("abcd").unwrap().unwrap().id, "abcd", "exact before prefix");
    assert_eq!(reader.find_alert("abd").unwrap().unwrap().id, "abd", "not scanned, so it stays");
}

#[test]
fn an_alert_that_would_not_read_back_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let lake = LakeWriter::create(dir.path()).unwrap();
    let mut no_time = alert("a", "1", 1.0);
    no_time.last_seen = "yesterday".to_owned();
    for bad in [alert("b", "1", f64::NAN), no_time] {
        let error = lake.write_alerts(DAY, &[], &[bad]).unwrap_err();
        assert!(matches!(error, LakeError::Alert { .. }), "{error}");
    }
    assert_eq!(files(dir.path()).len(), 0);
}

/// A finding of the day.
fn finding() -> Correlated {
    let second = DAY.first_hour().start_second();
    let text = format!(
        "{{\"type\":\"t\",\"arn\":\"a\",\"accountId\":\"1\",\"region\":\"eu-central-1\",\
         \"createdAt\":{second},\"service\":{{}}}}"
    );
    let mut found = Vec::new();
    read_findings(text.as_bytes(), &mut |finding| found.push(finding));
    Correlated { finding: found.remove(0), alerts: BTreeSet::from(["id".into()]) }
}

fn headroom() -> Headroom {
    let eni = EniId { account: "1".into(), region: "eu-central-1".into(), eni: "eni-1".into() };
    Headroom { eni, tier: Tier::Mature, new_bytes: 1, known_bytes: None, known_destination: None }
}

/// Writes the first hour's objects of a day, by name and hash.
fn write_objects(lake: &LakeWriter, objects: &[(&str, &str)]) {
    let seal = |hash: &str| Seal { bytes: 7, etag: "\"e\"".into(), blake3: hash.into() };
    let read = objects.iter().map(|(name, hash)| (Arc::from(*name), seal(hash))).collect();
    let of_place = (("1".into(), "eu-central-1".into()), HourObjects { read, ..HourObjects::default() });
    let objects = std::iter::once(of_place).collect();
    let mut day = lake.day(DAY);
    day.write_objects(&ClosedHour { hour: DAY.first_hour(), enis: Vec::new(), objects })
        .expect("the lake can be written");
    day.finish().expect("the lake can be written");
}

#[test]
fn what_objects_were_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let lake = LakeWriter::create(dir.path()).unwrap();
    write_objects(&lake, &[("two.log.gz", ""), ("one.log.gz", "aa")]);
    let read = lake.reader().read_objects(DAY).unwrap();
    let names: Vec<(&str, &str)> = read.iter().map(|object| (&*object.name, &*object.seal.blake3)).collect();
    assert_eq!(names, [("one.log.gz", "aa"), ("two.log.gz", "")]);
    assert_eq!((read[0].seal.bytes, &*read[0].seal.etag), (7, "\"e\""));
    assert!(lake.reader().read_objects(Day(DAY.0 + 1)).unwrap().is_empty());
}

#[test]
fn the_files_say_what_their_columns_mean() {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let dir = tempfile::tempdir().unwrap();
    let lake = LakeWriter::create(dir.path()).unwrap();
    let written = lake.write_hours(DAY, &[eni_hour("1", 0, "eni-1", vec![flow("203.0.113.1", 1)])]).unwrap();
    lake.write_alerts(DAY, &written, &[alert("a", "1", 1.0)]).unwrap();
    lake.write_findings(&[finding()]).unwrap();
    save(&lake, DAY, "hash", &[headroom()]).unwrap();
    write_objects(&lake, &[("one.log.gz", "aa"), ("two.log.gz", "")]);
    for table in TABLES.iter().filter(|table| table.partitions.contains(&"account")) {
        let at = format!("{}/account=1/region=eu-central-1/date={DATE}/part-0.parquet", table.name);
        let file = fs::File::open(dir.path().join(at)).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        assert_eq!(builder.schema(), &table.schema(), "{}", table.name);
        let fields = builder.parquet_schema().columns();
        for column in table.columns.iter().filter(|column| column.kind == Kind::TimestampMs) {
            let field = fields.iter().find(|field| field.name() == column.name).unwrap();
            let logical = format!("{:?}", field.logical_type_ref());
            assert!(
                logical.contains("is_adjusted_to_u_t_c: true") && logical.contains("MILLIS"),
                "{logical}"
            );
        }
    }
}

/// How another room adds a data set: a table, and one call per row.
static NOTES: Table = Table {
    name: "notes",
    partitions: &["date"],
    columns: &[
        Column::new("eni", Kind::Text, "", "ENI"),
        Column::new("age_days", Kind::Double, "days", "days since first seen"),
        Column::nullable("note", Kind::Text, "", "remark"),
    ],
    doc: "One row per ENI.",
};

#[test]
fn another_table_takes_ten_lines() {
    let dir = tempfile::tempdir().unwrap();
    let lake = LakeWriter::create(dir.path()).unwrap();
    let key = [("date", DATE)];
    let mut writer = lake.table(&NOTES, &key).unwrap();
    for n in 0..20_000 {
        let eni = format!("eni-{n}");
        writer
            .row(|row| row.text("eni", &eni).double("age_days", 1.5).text_or_null("note", "").end())
            .unwrap();
    }
    writer.close().unwrap().publish().unwrap();
    let mut rows = 0;
    for columns in lake.reader().read_table(&NOTES, &key).unwrap().unwrap() {
        let columns = columns.unwrap();
        assert_eq!(columns.text("eni").unwrap().value(0), format!("eni-{rows}"));
        assert!(columns.int64("age_days").is_err(), "another type is damage");
        rows += columns.len();
    }
    assert_eq!(rows, 20_000);
    assert!(dir.path().join(format!("notes/date={DATE}/part-0.parquet")).is_file());
    assert!(matches!(lake.table(&NOTES, &[("day", "x")]), Err(LakeError::PartitionKeys { .. })));
    assert!(lake.reader().read_table(&NOTES, &[("date", "2026-02-17")]).unwrap().is_none());
}
