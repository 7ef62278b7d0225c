//! Tables about the world, from flags to the words of an alert.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fixture::{fixture, outflow, scan, stdout};

fn table(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/enrich").join(name)
}

fn alerts(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A log and a finding that no incident tells: an alert without any history.
fn write_alone(dir: &Path) {
    let log = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action \
               log-status flow-direction\n\
               5 111111111111 eni-a 10.0.0.5 203.0.113.9 40000 443 6 100 150000 1771200000 1771200060 ACCEPT OK egress\n";
    fs::write(dir.join("flows.log"), log).unwrap();
    let time = "2026-02-16T00:01:00Z";
    let finding = json!({
        "accountId": "111111111111", "region": "unknown", "id": "f", "type": "Backdoor:EC2/C&CActivity.B",
        "severity": 8.0, "title": "t", "arn": "arn:aws:guardduty:eu-west-1:111111111111:detector/d/finding/f",
        "createdAt": time, "updatedAt": time,
        "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": "i-0",
            "networkInterfaces": [{"networkInterfaceId": "eni-a", "vpcId": "vpc-0"}]}},
        "service": {"count": 1, "archived": false, "eventFirstSeen": time, "eventLastSeen": time,
            "action": {"actionType": "NETWORK_CONNECTION", "networkConnectionAction": {
                "connectionDirection": "OUTBOUND", "protocol": "TCP", "remotePortDetails": {"port": 443},
                "remoteIpDetails": {"ipAddressV4": "203.0.113.9"}}}}
    });
    fs::write(dir.join("findings.json"), finding.to_string()).unwrap();
}

fn scan_alone(dir: &Path, tables: &[(&str, PathBuf)]) -> String {
    let mut command = outflow();
    command.arg("scan").arg(dir.join("flows.log")).arg("--guardduty").arg(dir.join("findings.json"));
    command.args(["--format", "jsonl", "--all"]);
    for (flag, path) in tables {
        command.arg(flag).arg(path);
    }
    stdout(&mut command)
}

#[test]
fn destinations_are_told_by_name_and_by_which_version_of_each_table() {
    let dir = tempfile::tempdir().unwrap();
    write_alone(dir.path());
    let tables = [
        ("--asn-db", table("asn.mmdb")),
        ("--country-db", table("country.mmdb")),
        ("--ip-ranges", table("ip-ranges.json")),
        ("--names", table("names.csv")),
    ];
    let text = scan_alone(dir.path(), &tables);
    let alert = &alerts(&text)[0];
    let known = json!({"name": "", "service": "", "service_region": "", "asn": 64500,
                       "as_name": "Example Hosting", "country": "NL"});
    assert_eq!(alert["known"], known);
    assert!(alert["sentence"].as_str().unwrap().ends_with("203.0.113.9 is AS64500 Example Hosting (NL)"));
    let hash = |name: &str| blake3::hash(&fs::read(table(name)).unwrap()).to_hex()[..16].to_owned();
    let versions = json!([
        {"kind": "ip_ranges", "blake3": hash("ip-ranges.json")},
        {"kind": "asn_db", "blake3": hash("asn.mmdb")},
        {"kind": "country_db", "blake3": hash("country.mmdb")},
        {"kind": "names", "blake3": hash("names.csv")},
    ]);
    assert_eq!(alert["tables"], versions);

    // The same bytes under other names say the same.
    let copies = tables.clone().map(|(flag, path)| {
        let copy = dir.path().join(path.file_name().unwrap());
        fs::copy(path, &copy).unwrap();
        (flag, copy)
    });
    assert_eq!(scan_alone(dir.path(), &copies), text);

    // Without tables nothing is said, not even that nothing is known.
    let bare = scan_alone(dir.path(), &[]);
    assert!(!bare.contains("\"known\"") && !bare.contains("\"tables\""), "{bare}");
    assert_eq!(alerts(&bare)[0]["id"], alert["id"]);
    // Words do not reach the score: only names and AWS's ranges are part of its hash.
    let words = scan_alone(dir.path(), &tables[..2]);
    assert_eq!(alerts(&words)[0]["config_hash"], alerts(&bare)[0]["config_hash"]);
    assert_ne!(alert["config_hash"], alerts(&bare)[0]["config_hash"]);
}

#[test]
fn a_named_prefix_is_one_destination_and_a_listed_range_its_service() {
    let burst = fixture().attack("burst");
    let dir = tempfile::tempdir().unwrap();
    let lake = dir.path().join("lake");
    let to_burst = |more: &[&str]| {
        let mut all = vec!["--lake", lake.to_str().unwrap()];
        all.extend(more);
        let output = scan(fixture(), &all).success();
        let found = alerts(&String::from_utf8(output.get_output().stdout.clone()).unwrap());
        found
            .into_iter()
            .find(|a| a["peer"] == burst.peers[0].as_str() && a["eni"] == burst.eni.as_str())
            .unwrap()
    };
    let names = dir.path().join("names.csv");
    fs::write(&names, format!("name,prefix\nthe burst,{}/28\n", burst.peers[0])).unwrap();
    let named = to_burst(&["--names", names.to_str().unwrap()]);
    assert_eq!(
        (&named["destination"], &named["known"]["name"]),
        (&json!("name:the burst"), &json!("the burst"))
    );
    assert_eq!(named["emitted"], true);

    let ranges = dir.path().join("ip-ranges.json");
    let prefix = format!("{}/24", burst.peers[0]);
    let listed = json!({"prefixes": [{"ip_prefix": prefix, "region": "eu-west-1", "service": "S3"}]});
    fs::write(&ranges, listed.to_string()).unwrap();
    let service = to_burst(&["--ip-ranges", ranges.to_str().unwrap()]);
    // The simulated records name services, and this is none: AWS's list does where the column is silent.
    assert_eq!((&service["destination"], &service["service"]), (&json!("aws:S3"), &json!("S3")));
}

#[test]
fn a_wrong_table_is_a_mistake_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    write_alone(dir.path());
    for (flag, path, says) in [
        ("--asn-db", table("names.csv"), "no asn_db"),
        ("--names", table("ip-ranges.json"), "no names"),
        ("--ip-ranges", dir.path().join("absent.json"), "absent.json"),
    ] {
        let mut command = outflow();
        let output =
            command.arg("scan").arg(dir.path().join("flows.log")).arg(flag).arg(path).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(says), "{said}");
    }
}
