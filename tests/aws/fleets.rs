//! The two fleets that these tests scan.

use std::path::Path;
use std::sync::LazyLock;

use crate::fleet_support::write_fleet;
use crate::s3_support::bare;
use outflow::simulate::{AttackMix, Plan, SimFormat, SimulateOptions};
use tempfile::TempDir;

/// Writes four days of two accounts below `AWSLogs`, a few records late.
pub fn small(dir: &Path) -> Plan {
    let options = SimulateOptions {
        seed: 77,
        enis: 18,
        days: 4,
        attack_from_day: 2,
        interval_seconds: 600,
        format: SimFormat::V5,
        density: 0.05,
        attacks: AttackMix::All,
        attacks_per_family: 1,
        late_share: 0.02,
        accounts: 2,
        ..SimulateOptions::default()
    };
    write_fleet(&options, dir)
}

/// Flow logs in which something is emitted, below `AWSLogs`, and the lines of what is.
pub static EMITTING: LazyLock<(TempDir, String)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let options = SimulateOptions {
        seed: 3,
        enis: 20,
        days: 14,
        attack_from_day: 7,
        interval_seconds: 600,
        format: SimFormat::V5,
        density: 0.1,
        attacks: AttackMix::All,
        attacks_per_family: 2,
        ..SimulateOptions::default()
    };
    write_fleet(&options, dir.path());
    let output = bare(dir.path()).args(["scan", "AWSLogs", "--format", "jsonl", "-q"]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    assert!(lines.lines().count() >= 2, "enough to tell: {lines}");
    (dir, lines)
});
