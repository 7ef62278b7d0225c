//! `guardduty/`: one row per finding that a scan was given, with the alerts it is part of.

use std::collections::BTreeSet;

use crate::guardduty::{Correlated, Direction};

use super::rows::{Row, RowError};
use super::table::{Column, Kind, Table};

/// The `guardduty` data set. Dates are those of the last time a finding was seen.
pub static GUARDDUTY: Table = Table {
    name: "guardduty",
    partitions: &["account", "region", "date"],
    columns: &[
        Column::new("arn", Kind::Text, "", "ARN of the finding"),
        Column::new("id", Kind::Text, "", "finding id"),
        Column::new("type", Kind::Text, "", "type, as ThreatPurpose:Resource/Family"),
        Column::new("severity", Kind::Double, "", "0.1 to 10; from 4 medium, 7 high, 9 critical"),
        Column::new("sightings", Kind::Int64, "", "how often GuardDuty saw it"),
        Column::new("archived", Kind::Bool, "", "put away by a person or a rule"),
        Column::new("independence", Kind::Text, "", "same_logs, other_logs or knowledge: what it rests on"),
        Column::new("enis", Kind::TextList, "", "interfaces it is about"),
        Column::new("instances", Kind::TextList, "", "instances it is about"),
        Column::new("own_addresses", Kind::TextList, "", "addresses of those interfaces"),
        Column::new("remote_addresses", Kind::TextList, "", "remote ends, all that were seen"),
        Column::new(
            "service_ports",
            Kind::TextList,
            "",
            "service ports: remote for outbound, ours for inbound",
        ),
        Column::new("directions", Kind::TextList, "", "OUTBOUND, INBOUND or UNKNOWN"),
        Column::new("first_seen", Kind::TimestampMs, "", "first time seen, over all renderings"),
        Column::new("last_seen", Kind::TimestampMs, "", "last time seen, over all renderings"),
        Column::new("updated", Kind::TimestampMs, "", "time of the newest rendering"),
        Column::new("alerts", Kind::TextList, "", "ids of the alerts it is part of"),
    ],
    doc: "One row per GuardDuty finding that a scan was given and day on which it was last seen; samples are left out. \
          Of one that was seen again the row of the latest day counts.",
};

/// One row.
pub(super) fn fill(row: Row<'_>, given: &Correlated) -> Result<(), RowError> {
    let Correlated { finding, alerts } = given;
    let own: BTreeSet<_> = finding.interfaces.iter().flat_map(|i| i.addresses.iter()).collect();
    let remotes: BTreeSet<_> = finding.remotes.iter().map(|remote| remote.address).collect();
    let ports: BTreeSet<u16> = finding
        .remotes
        .iter()
        .filter_map(|r| if r.direction == Direction::Inbound { r.local_port } else { r.port })
        .collect();
    let directions: BTreeSet<_> = finding.remotes.iter().map(|remote| remote.direction).collect();
    let enis: BTreeSet<_> = finding.enis().collect();
    row.text("arn", &finding.arn)
        .text("id", &finding.latest.id)
        .text("type", &finding.latest.kind)
        .double("severity", finding.severity())
        .count("sightings", finding.latest.count)
        .bool("archived", finding.latest.is_archived)
        .text("independence", finding.independence.as_str())
        .list("enis", enis)
        .list("instances", &finding.instances)
        .list("own_addresses", own)
        .list("remote_addresses", remotes)
        .list("service_ports", ports)
        .list("directions", directions.into_iter().map(Direction::as_str))
        .timestamp_ms("first_seen", finding.first_second * 1000)
        .timestamp_ms("last_seen", finding.last_second * 1000)
        .timestamp_ms("updated", finding.latest.updated_second * 1000)
        .list("alerts", alerts)
        .end()
}
