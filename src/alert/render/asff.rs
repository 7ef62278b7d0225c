//! An alert as a finding of AWS Security Hub, in the AWS Security Finding Format.
//!
//! Source: Security Hub User Guide, "AWS Security Finding Format (ASFF)": required attributes, the
//! types taxonomy, and the limits that `BatchImportFindings` enforces. A revision has the same `Id`
//! and so updates the finding.

use serde_json::{Map, Value, json};

use super::plain::{cut, safe};
use crate::alert::Alert;
use crate::net::Prefix;

/// Characters of an id.
const ID_CHARS_MAX: usize = 512;
/// Characters of a title.
const TITLE_CHARS_MAX: usize = 256;
/// Characters of a description.
const DESCRIPTION_CHARS_MAX: usize = 1_024;
/// Characters of a value of `ProductFields`.
const FIELD_CHARS_MAX: usize = 2_048;
/// Characters of an account, a region, an interface or an instance. Real ones have less than 40; without
/// a bound a finding could be larger than the 240 KB that Security Hub takes.
const WORD_CHARS_MAX: usize = 128;
/// Resources of a finding.
const RESOURCES_MAX: usize = 32;

/// One element of `Findings` of `BatchImportFindings`.
pub fn asff(alert: &Alert) -> Value {
    let (account, region) = (word(&alert.account), word(&alert.region));
    let partition = partition(&region);
    let severity = alert.severity.as_str();
    let types = ["Effects/Data Exfiltration", "Unusual Behaviors/Network Flow"];
    let title = format!("{severity}: {} to {}", safe(&alert.eni), safe(&alert.destination));
    let strongest = alert.detectors.first().map_or("none", |detector| detector.id.as_str());
    let generator = format!("outflow/{}", safe(strongest));
    let mut finding = json!({
        "SchemaVersion": "2018-10-08",
        "Id": cut(&format!("{region}/{account}/outflow/{}", safe(&alert.id)), ID_CHARS_MAX),
        "ProductArn": format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default"),
        "GeneratorId": cut(&generator, ID_CHARS_MAX),
        "ProductName": "outflow",
        "CompanyName": "outflow",
        "Region": region,
        "AwsAccountId": account,
        "Types": types,
        "FirstObservedAt": word(&alert.first_seen),
        "LastObservedAt": word(&alert.last_seen),
        "CreatedAt": word(&alert.emitted_at),
        "UpdatedAt": word(&alert.emitted_at),
        "Severity": { "Label": severity, "Original": format!("{:.2} bits", alert.score) },
        "Title": cut(&title, TITLE_CHARS_MAX),
        "Description": cut(&safe(&alert.sentence), DESCRIPTION_CHARS_MAX),
        "ProductFields": fields(alert),
        "Resources": resources(alert, partition),
        "RecordState": "ACTIVE",
        "Workflow": { "Status": "NEW" },
        "FindingProviderFields": { "Severity": { "Label": severity }, "Types": types },
    });
    if let Some(network) = network(alert) {
        finding["Network"] = network;
    }
    finding
}

/// A name out of the logs.
fn word(text: &str) -> String {
    cut(&safe(text), WORD_CHARS_MAX)
}

/// The partition that a region's ARNs are in.
fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// What a filter or a reader may want beside the text. Security Hub takes no empty value.
fn fields(alert: &Alert) -> Map<String, Value> {
    let detectors: Vec<String> = alert.detectors.iter().map(|d| format!("{}:{:.1}", d.id, d.bits)).collect();
    let all = [
        ("outflow/revision", alert.revision.to_string()),
        ("outflow/egress_bytes", alert.egress_bytes.to_string()),
        ("outflow/destination", safe(&alert.destination)),
        ("outflow/detectors", detectors.join(" ")),
        ("outflow/attack", alert.attack.join(" ")),
        ("outflow/guardduty", safe(&alert.guardduty.status)),
        ("outflow/seen_share", format!("{:.2}", alert.coverage.seen_share)),
        ("outflow/snapshot_hash", alert.snapshot_hash.clone()),
        ("outflow/config_hash", alert.config_hash.clone()),
    ];
    all.into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), json!(cut(&safe(&value), FIELD_CHARS_MAX))))
        .collect()
}

fn resources(alert: &Alert, partition: &str) -> Vec<Value> {
    let (account, region) = (word(&alert.account), word(&alert.region));
    let arn = |kind: &str, id: &str| format!("arn:{partition}:ec2:{region}:{account}:{kind}/{}", word(id));
    let resource =
        |of: &str, arn: String| json!({ "Type": of, "Id": arn, "Partition": partition, "Region": region });
    let mut enis: Vec<&str> = vec![&alert.eni];
    enis.extend(alert.enis.iter().map(String::as_str).filter(|eni| *eni != alert.eni));
    let enis = enis.into_iter().map(|eni| resource("AwsEc2NetworkInterface", arn("network-interface", eni)));
    let instance = Some(&alert.instance).filter(|id| !id.is_empty());
    let instance = instance.map(|id| resource("AwsEc2Instance", arn("instance", id)));
    instance.into_iter().chain(enis).take(RESOURCES_MAX).collect()
}

/// The connection, when it is one: an address, not a prefix.
fn network(alert: &Alert) -> Option<Value> {
    let peer: Prefix = alert.peer.parse().ok().filter(|peer: &Prefix| peer.is_host())?;
    let protocol = match alert.protocol {
        6 => "TCP".to_owned(),
        17 => "UDP".to_owned(),
        1 | 58 => "ICMP".to_owned(),
        number => number.to_string(),
    };
    let address = if peer.addr().is_v4() { "DestinationIpV4" } else { "DestinationIpV6" };
    let mut network = json!({ "Direction": "OUT", "Protocol": protocol, address: peer.to_string() });
    if alert.port > 0 {
        network["DestinationPort"] = json!(alert.port);
    }
    Some(network)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::render::tests::{alert, hostile};

    #[test]
    fn a_finding_has_what_security_hub_requires() {
        let finding = asff(&alert());
        for name in [
            "SchemaVersion",
            "Id",
            "ProductArn",
            "GeneratorId",
            "AwsAccountId",
            "Types",
            "CreatedAt",
            "UpdatedAt",
            "Severity",
            "Title",
            "Description",
            "Resources",
        ] {
            assert!(!finding[name].is_null(), "{name}");
        }
        assert_eq!(finding["Network"]["DestinationIpV4"], "203.0.113.9");
        let kinds: Vec<&str> =
            finding["Resources"].as_array().unwrap().iter().map(|r| r["Type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["AwsEc2Instance", "AwsEc2NetworkInterface"]);
    }

    #[test]
    fn limits_hold_whatever_the_logs_say() {
        let finding = asff(&hostile(&"\u{1b}[31m<script>\u{202e}".repeat(2_000), 50));
        assert!(finding.to_string().len() < 240_000);
        let chars = |name: &str| finding[name].as_str().unwrap().chars().count();
        assert!(chars("Title") <= TITLE_CHARS_MAX && chars("Description") <= DESCRIPTION_CHARS_MAX);
        assert!(finding["Resources"].as_array().unwrap().len() <= RESOURCES_MAX);
        let fields = finding["ProductFields"].as_object().unwrap();
        assert!(
            fields.values().all(|v| (1..=FIELD_CHARS_MAX).contains(&v.as_str().unwrap().chars().count()))
        );
        assert!(!finding.to_string().contains("\\u001b"), "no control characters");
    }

    #[test]
    fn an_update_is_the_same_finding() {
        let mut grown = alert();
        grown.revision = 2;
        assert_eq!(asff(&grown)["Id"], asff(&alert())["Id"]);
    }
}
