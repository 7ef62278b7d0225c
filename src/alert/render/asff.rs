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
/// Characters of an interface, an instance or a time. Real ones have less than 40; without a bound a
/// finding could be larger than the 240 KB that Security Hub takes.
const WORD_CHARS_MAX: usize = 128;
/// Characters of a region. Those there are have at most 14.
const REGION_CHARS_MAX: usize = 32;
/// Resources of a finding.
const RESOURCES_MAX: usize = 32;

/// Why an alert cannot be a finding: a finding belongs to an account and a region, and Security Hub
/// refuses it without. An alert of logs that name neither (`unknown`) is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unplaced;

impl Unplaced {
    /// What is lacking.
    pub const CAUSE: &str = "the logs do not say of which account and region they are";
    /// What to do about it.
    pub const REMEDY: &str =
        "keep the names that AWS gives to flow log files, or log the fields account-id and region";
}

/// One element of `Findings` of `BatchImportFindings`.
///
/// # Errors
/// When the alert does not say of which account and region it is. The caller's own would be a guess,
/// and a finding in the wrong account is believed.
pub fn asff(alert: &Alert) -> Result<Value, Unplaced> {
    if !is_account(&alert.account) || !is_region(&alert.region) {
        return Err(Unplaced);
    }
    let (account, region) = (&alert.account, &alert.region);
    let partition = partition(region);
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
    Ok(finding)
}

/// Whether this is an account id: 12 digits.
fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether this may be a region, also one that does not exist yet: words, and a number at the end.
fn is_region(text: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let number = text.rsplit_once('-').map_or("", |(_, number)| number);
    text.len() <= REGION_CHARS_MAX
        && text.bytes().all(is_known)
        && text.matches('-').count() >= 2
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
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
    let (account, region) = (&alert.account, &alert.region);
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
        let finding = asff(&alert()).unwrap();
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
        let hostile = hostile(&"\u{1b}[31m<script>\u{202e}".repeat(2_000), 50);
        assert_eq!(asff(&hostile), Err(Unplaced));
        let placed = Alert { account: alert().account, region: alert().region, ..hostile };
        let finding = asff(&placed).unwrap();
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
        assert_eq!(asff(&grown).unwrap()["Id"], asff(&alert()).unwrap()["Id"]);
    }

    #[test]
    fn what_belongs_to_no_account_and_region_is_no_finding() {
        let of = |account: &str, region: &str| {
            asff(&Alert { account: account.into(), region: region.into(), ..alert() }).is_ok()
        };
        for region in ["eu-west-1", "us-gov-west-1", "cn-northwest-1", "us-iso-east-1", "ap-southeast-12"] {
            assert!(of("111111111111", region), "{region}");
        }
        for region in ["unknown", "", "eu-west", "eu-west-", "eu-west-1/x", "EU-WEST-1", "1-1"] {
            assert!(!of("111111111111", region), "{region}");
        }
        for account in ["unknown", "", "11111111111", "1111111111111", "11111111111x"] {
            assert!(!of(account, "eu-west-1"), "{account}");
        }
    }
}
