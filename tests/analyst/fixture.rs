//! A small fleet with one attack of each family, scanned into a lake by this binary; one finding of
//! `GuardDuty` agrees with the burst.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use assert_cmd::Command;
use outflow::simulate::{Label, LabelKind, SimFormat, SimulateOptions, labels_csv, plan, write_objects};
use serde_json::json;

use crate::command_support::bare;

/// The fleet on disk.
pub struct Fixture {
    pub root: PathBuf,
    pub labels: Vec<Label>,
}

impl Fixture {
    pub fn logs(&self) -> PathBuf {
        self.root.join("AWSLogs")
    }

    pub fn lake(&self) -> PathBuf {
        self.root.join("lake")
    }

    /// The attack of a family.
    pub fn attack(&self, family: &str) -> &Label {
        let mut attacks = self.labels.iter().filter(|label| label.kind == LabelKind::Attack);
        attacks.find(|label| label.family == family).unwrap()
    }
}

/// The command line, away from this machine's settings.
pub fn outflow() -> Command {
    bare(&fixture_root())
}

/// What a command prints; it has to succeed.
pub fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fixture_root() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("analyst");
    fs::create_dir_all(&root).unwrap();
    root
}

/// Written anew by each run of the tests.
pub fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let root = fixture_root().join("fleet");
        let _ = fs::remove_dir_all(&root);
        let plan = plan(&SimulateOptions {
            seed: 7,
            enis: 14,
            days: 24,
            attack_from_day: 16,
            interval_seconds: 600,
            format: SimFormat::V5,
            density: 0.05,
            attacks_per_family: 1,
            skip_data_share: 0.01,
            ..SimulateOptions::default()
        })
        .unwrap();
        write_objects(&plan, |object| {
            let path = root.join(object.key);
            fs::create_dir_all(path.parent().unwrap())?;
            fs::write(path, object.gzip_bytes)
        })
        .unwrap();
        let fixture = Fixture { root, labels: plan.labels };
        fs::write(fixture.root.join("labels.csv"), labels_csv(&fixture.labels)).unwrap();
        let finding = finding(fixture.attack("burst"));
        fs::write(fixture.root.join("findings.jsonl"), finding.to_string()).unwrap();
        scan(&fixture, &[]).success();
        outflow().arg("backtest").arg(fixture.lake()).args(["--headroom", "--save"]).assert().success();
        fixture
    })
}

/// Scans the fleet with its finding, into the lake unless `more` names another.
pub fn scan(fixture: &Fixture, more: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = outflow();
    command.arg("scan").arg(fixture.logs()).args(["--all", "--format", "jsonl"]);
    command.arg("--guardduty").arg(fixture.root.join("findings.jsonl")).args(more);
    if !more.contains(&"--lake") {
        command.arg("--lake").arg(fixture.lake());
    }
    command.assert()
}

fn finding(attack: &Label) -> serde_json::Value {
    let time = |second: i64| jiff::Timestamp::from_second(second).unwrap().to_string();
    json!({
        "accountId": attack.account, "region": attack.region, "id": "f1", "severity": 8.0,
        "type": "Backdoor:EC2/C&CActivity.B", "title": "t",
        "arn": format!("arn:aws:guardduty:{}:{}:detector/d/finding/f1", attack.region, attack.account),
        "createdAt": time(attack.end_second), "updatedAt": time(attack.end_second),
        "resource": {"resourceType": "Instance", "instanceDetails": {
            "instanceId": "i-0", "networkInterfaces": [{"networkInterfaceId": attack.eni, "vpcId": "vpc-0"}]}},
        "service": {"count": 1, "archived": false,
            "eventFirstSeen": time(attack.start_second), "eventLastSeen": time(attack.end_second),
            "action": {"actionType": "NETWORK_CONNECTION", "networkConnectionAction": {
                "connectionDirection": "OUTBOUND", "protocol": "TCP", "remotePortDetails": {"port": 443},
                "remoteIpDetails": {"ipAddressV4": attack.peers[0]}}}}
    })
}
