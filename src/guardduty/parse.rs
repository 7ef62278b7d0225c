//! One finding object, in either spelling, to a [`Finding`].
//!
//! Required are a type, an identity and a time; everything else may be absent. A finding without
//! network evidence (IAM, S3, attack sequences over accounts) is a finding all the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::finding::{Direction, Finding, Interface, Latest, Remote};
use super::independence::Independence;
use super::json::{address, at, each, get, number, port, protocol, second, text, truth};
use crate::limits::FINDING_ENDS_MAX;

/// What AWS writes where a sample finding has no real value.
const PLACEHOLDER: &str = "GeneratedFinding";
/// The instance of sample findings.
const SAMPLE_INSTANCE: &str = "i-99999999";

/// Whether an object is a finding: it has a type, an identity, and one of the two big parts.
pub(super) fn is_finding(value: &Value) -> bool {
    let has = |key| get(value, key).is_some();
    has("type") && (has("arn") || has("id")) && (has("service") || has("resource"))
}

/// Reads a finding.
///
/// # Errors
/// What is missing.
pub(super) fn finding(value: &Value) -> Result<Finding, &'static str> {
    let top = |key| text(value, &[key]);
    let none = || Arc::<str>::from("");
    let kind = top("type").ok_or("no type")?;
    let (id, account) = (top("id").unwrap_or_else(none), top("accountId").unwrap_or_else(none));
    let region = top("region").unwrap_or_else(none);
    let arn = match top("arn") {
        Some(arn) => arn,
        None if id.is_empty() => return Err("neither ARN nor id"),
        None => format!("{account}/{region}/{id}").into(),
    };
    let of_service = |key| second(value, &["service", key]);
    let (created, updated) = (second(value, &["createdAt"]), second(value, &["updatedAt"]));
    let (first, last) = (of_service("eventFirstSeen"), of_service("eventLastSeen"));
    let first_second = first.or(created).or(last).or(updated).ok_or("no time")?;
    let last_second = last.or(updated).or(created).unwrap_or(first_second);
    let severity = number(value, &["severity"]).unwrap_or(0.0).clamp(0.0, 10.0);
    let mut found = Finding {
        arn,
        latest: Latest {
            updated_second: updated.unwrap_or(last_second),
            count: number(value, &["service", "count"]).map_or(1, |count| count.clamp(0.0, 1e15) as u64),
            severity_hundredths: (severity * 100.0).round() as u32,
            is_archived: truth(value, &["service", "archived"]),
            id,
            account,
            region,
            kind,
        },
        interfaces: BTreeSet::new(),
        local_enis: BTreeSet::new(),
        instances: BTreeSet::new(),
        remotes: BTreeSet::new(),
        first_second: first_second.min(last_second),
        last_second: first_second.max(last_second),
        independence: Independence::SameLogs,
        is_sample: is_sample(value),
    };
    found.independence = independence(value, &found.latest.kind);
    host(value, &mut found);
    action(value, &mut found);
    sequence(value, &mut found);
    while found.interfaces.len() > FINDING_ENDS_MAX {
        found.interfaces.pop_last();
    }
    while found.remotes.len() > FINDING_ENDS_MAX {
        found.remotes.pop_last();
    }
    Ok(found)
}

/// Marks that AWS itself sets. Never texts that the watched host or its user can choose (tags,
/// domains, user agents): else an attacker could have a finding left out.
fn is_sample(value: &Value) -> bool {
    let info = at(value, &["service", "additionalInfo"]);
    let flagged = info.is_some_and(|info| truth(info, &["sample"]) || encoded_sample(info));
    let is_placeholder = |path: &[&str]| text(value, path).is_some_and(|text| text.starts_with(PLACEHOLDER));
    let network = ["service", "action", "networkConnectionAction", "remoteIpDetails", "organization"];
    let owner = |leaf| is_placeholder(&[network.as_slice(), &[leaf]].concat());
    flagged
        || text(value, &["title"]).is_some_and(|title| title.starts_with("[SAMPLE]"))
        || text(value, &["resource", "instanceDetails", "instanceId"]).as_deref() == Some(SAMPLE_INSTANCE)
        || owner("isp")
        || owner("org")
}

/// `additionalInfo.value` holds the same keys as JSON in a text.
fn encoded_sample(info: &Value) -> bool {
    let inner = get(info, "value").and_then(Value::as_str);
    inner.and_then(|text| serde_json::from_str::<Value>(text).ok()).is_some_and(|v| truth(&v, &["sample"]))
}

/// By type, by what a sequence was put together from, and by whether a threat list is cited.
fn independence(value: &Value, kind: &str) -> Independence {
    let of_type = Independence::of_type(kind);
    let signals = each(value, &["service", "detection", "sequence", "signals"]);
    let of_signals = signals.filter_map(|s| text(s, &["name"])).map(|name| Independence::of_type(&name));
    let lists = each(value, &["service", "evidence", "threatIntelligenceDetails"])
        .any(|detail| text(detail, &["threatListName"]).is_some());
    let listed = lists || text(value, &["service", "additionalInfo", "threatListName"]).is_some();
    let of_lists = listed.then_some(Independence::Knowledge);
    of_signals.chain(of_lists).fold(of_type, Ord::max)
}

/// The instance and its interfaces.
fn host(value: &Value, found: &mut Finding) {
    let Some(instance) = at(value, &["resource", "instanceDetails"]) else { return };
    found.instances.extend(text(instance, &["instanceId"]));
    for interface in each(instance, &["networkInterfaces"]).take(FINDING_ENDS_MAX) {
        let field = |key| text(interface, &[key]).unwrap_or_default();
        let mut addresses: BTreeSet<_> = address(interface, &["privateIpAddress"]).into_iter().collect();
        let more = each(interface, &["privateIpAddresses"]).take(FINDING_ENDS_MAX);
        addresses.extend(more.filter_map(|a| address(a, &["privateIpAddress"])));
        let v6 = get(interface, "ipv6Addresses").and_then(Value::as_array);
        let v6 = v6.into_iter().flatten().take(FINDING_ENDS_MAX);
        addresses.extend(v6.filter_map(|a| address(a, &[])));
        found.interfaces.insert(Interface {
            eni: field("networkInterfaceId"),
            vpc: field("vpcId"),
            subnet: field("subnetId"),
            addresses,
        });
    }
}

/// The remote ends of connections and probes. The remote address of an API call is who called,
/// not where data went, so it is not one.
fn action(value: &Value, found: &mut Finding) {
    let Some(action) = at(value, &["service", "action"]) else { return };
    if let Some(connection) = get(action, "networkConnectionAction") {
        let direction = direction(connection, "connectionDirection");
        remote(connection, protocol(connection, &["protocol"]), direction, found);
        let local = text(connection, &["localNetworkInterface"]);
        if let Some(own) = local_address(connection) {
            // A pod's or secondary address: in the one VPC that is named, if it is one.
            let vpcs: BTreeSet<_> = found.interfaces.iter().map(|i| Arc::clone(&i.vpc)).collect();
            let vpc = vpcs.first().filter(|_| vpcs.len() == 1).cloned().unwrap_or_default();
            found.interfaces.insert(Interface {
                eni: local.clone().unwrap_or_default(),
                vpc,
                subnet: Arc::default(),
                addresses: BTreeSet::from([own]),
            });
        }
        found.local_enis.extend(local);
    }
    for probe in each(action, &["portProbeAction", "portProbeDetails"]).take(FINDING_ENDS_MAX) {
        remote(probe, None, Direction::Inbound, found);
    }
}

fn local_address(connection: &Value) -> Option<crate::net::Addr> {
    let of = |leaf| address(connection, &["localIpDetails", leaf]);
    of("ipAddressV4").or_else(|| of("ipAddressV6"))
}

fn direction(value: &Value, key: &str) -> Direction {
    match text(value, &[key]).map(|word| word.to_ascii_uppercase()).as_deref() {
        Some("OUTBOUND") => Direction::Outbound,
        Some("INBOUND") => Direction::Inbound,
        _ => Direction::Unknown,
    }
}

fn remote(value: &Value, protocol: Option<u8>, direction: Direction, found: &mut Finding) {
    for leaf in ["ipAddressV4", "ipAddressV6"] {
        if let Some(address) = address(value, &["remoteIpDetails", leaf]) {
            found.remotes.insert(Remote {
                address,
                port: port(value, &["remotePortDetails", "port"]),
                local_port: port(value, &["localPortDetails", "port"]),
                protocol,
                direction,
            });
        }
    }
}

/// What an attack sequence names: its interfaces and instances, and the ends of its connections.
fn sequence(value: &Value, found: &mut Finding) {
    let Some(sequence) = at(value, &["service", "detection", "sequence"]) else { return };
    for resource in each(sequence, &["resources"]).take(FINDING_ENDS_MAX) {
        let uid = text(resource, &["uid"]).unwrap_or_default();
        match text(resource, &["resourceType"]).as_deref() {
            Some("EC2_INSTANCE") => {
                // The uid is an ARN that ends in the id.
                found.instances.extend(uid.rsplit('/').next().filter(|id| !id.is_empty()).map(Arc::from));
                let enis = at(resource, &["data", "ec2Instance", "ec2NetworkInterfaceUids"]);
                for eni in enis.and_then(Value::as_array).into_iter().flatten().take(FINDING_ENDS_MAX) {
                    let eni = text(eni, &[]).unwrap_or_default();
                    found.interfaces.insert(bare(&eni));
                }
            }
            Some("EC2_NETWORK_INTERFACE") => {
                let Some(data) = at(resource, &["data", "ec2NetworkInterface"]) else { continue };
                let own = each(data, &["privateIpAddresses"]).take(FINDING_ENDS_MAX);
                found.interfaces.insert(Interface {
                    vpc: text(data, &["vpcId"]).unwrap_or_default(),
                    subnet: text(data, &["subNetId"]).unwrap_or_default(),
                    addresses: own.filter_map(|a| address(a, &["privateIpAddress"])).collect(),
                    ..bare(&uid)
                });
            }
            _ => {}
        }
    }
    for end in each(sequence, &["endpoints"]).take(FINDING_ENDS_MAX) {
        let Some(address) = address(end, &["ip"]) else { continue };
        let direction = get(end, "connection").map_or(Direction::Unknown, |c| direction(c, "direction"));
        let port = port(end, &["port"]);
        found.remotes.insert(Remote { address, port, local_port: None, protocol: None, direction });
    }
}

/// An interface of which only the id is known; a uid may be an ARN.
fn bare(uid: &str) -> Interface {
    let eni = uid.rsplit('/').next().unwrap_or_default();
    Interface { eni: eni.into(), vpc: Arc::default(), subnet: Arc::default(), addresses: BTreeSet::new() }
}
