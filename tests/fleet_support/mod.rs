//! Simulated fleets on disk, and scans of them.

#![allow(dead_code, reason = "each test binary uses the part it needs")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use outflow::alert::Alert;
use outflow::config::Config;
use outflow::guardduty::{Finding, read_findings};
use outflow::scan::{Found, ObjectRef, Progress, ScanOptions, Seen, scan};
use outflow::simulate::{AttackMix, Plan, SimFormat, SimulateOptions, plan, write_objects};
use outflow::window::Day;
use serde_json::json;

/// Long enough for an emission threshold, which needs seven scored days.
pub const EVENTFUL_DAYS: u32 = 10;

/// Says nothing and never stops.
pub struct Quiet;

impl Progress for Quiet {
    fn object_done(&self, _: u64) {}

    fn stop(&self) -> bool {
        false
    }
}

/// Writes the fleet's objects below `root` as AWS lays them out.
pub fn write_fleet(options: &SimulateOptions, root: &Path) -> Plan {
    let plan = plan(options).unwrap();
    write_objects(&plan, |object| {
        let path = root.join(object.key);
        fs::create_dir_all(path.parent().unwrap())?;
        fs::write(path, object.gzip_bytes)
    })
    .unwrap();
    plan
}

/// Ten interfaces that show every family of attacks from the fifth day on, in few records. Days of
/// it, to be told anything, are at least `EVENTFUL_DAYS`.
pub fn eventful_fleet() -> SimulateOptions {
    SimulateOptions {
        seed: 4_242,
        enis: 10,
        days: EVENTFUL_DAYS,
        attack_from_day: 5,
        interval_seconds: 600,
        format: SimFormat::V5,
        density: 0.05,
        attacks: AttackMix::All,
        attacks_per_family: 1,
        ..SimulateOptions::default()
    }
}

/// The objects below `root`.
pub fn objects(root: &Path) -> Vec<ObjectRef> {
    outflow::source::list(&[root.to_string_lossy().into_owned()]).unwrap().objects
}

/// All of time on `threads` threads; with a lake when `lake` is given.
pub fn options(threads: usize, lake: Option<&Path>) -> ScanOptions {
    let lake = lake.map(Path::to_owned);
    ScanOptions {
        from: None,
        to: None,
        alerts_from: None,
        threads,
        lake,
        replace_days: false,
        findings: None,
    }
}

/// A scan with all that it handed out.
pub struct Scanned {
    pub seen: Seen,
    pub found: Found,
    /// In event order.
    pub alerts: Vec<Alert>,
    /// Days that the lake keeps as it held them.
    pub kept_days: Vec<Day>,
}

/// Scans with the default configuration.
pub fn scan_all(objects: Vec<ObjectRef>, options: &ScanOptions) -> Scanned {
    scan_with(objects, options, &Quiet)
}

/// Scans with the default configuration, watched by `progress`.
pub fn scan_with(objects: Vec<ObjectRef>, options: &ScanOptions, progress: &dyn Progress) -> Scanned {
    let mut alerts = Vec::new();
    let report = scan(objects, &Config::default(), options, progress, &mut |found| {
        alerts.extend_from_slice(found);
        Ok(())
    });
    let report = report.unwrap();
    Scanned { seen: report.seen, found: report.found, alerts, kept_days: report.kept_days }
}

/// Every file of a lake with its bytes; the lock is nobody's data.
pub fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(root).into_iter().map(Result::unwrap);
    entries
        .filter(|entry| entry.file_type().is_file() && entry.file_name() != ".outflow.lock")
        .map(|entry| (entry.path().strip_prefix(root).unwrap().to_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}

/// A finding about what `alert` is about, last seen at `last_seen` and told for the `count`th time.
pub fn finding(alert: &Alert, last_seen: &str, count: u64) -> Finding {
    let event = json!({
        "schemaVersion": "2.0", "accountId": alert.account, "region": alert.region, "id": alert.id,
        "arn": format!("arn:aws:guardduty:{}:{}:detector/d/finding/{}", alert.region, alert.account, alert.id),
        "type": "Backdoor:EC2/C&CActivity.B", "severity": 8, "updatedAt": last_seen,
        "resource": { "instanceDetails": {
            "instanceId": alert.instance, "networkInterfaces": [{ "networkInterfaceId": alert.eni }],
        } },
        "service": {
            "eventFirstSeen": alert.first_seen, "eventLastSeen": last_seen, "count": count,
            "action": { "networkConnectionAction": {
                "connectionDirection": "OUTBOUND", "protocol": "TCP",
                "remoteIpDetails": { "ipAddressV4": alert.destinations[0].peer },
            } },
        },
    });
    let mut found = None;
    read_findings(event.to_string().as_bytes(), &mut |finding| found = Some(finding));
    found.unwrap()
}
