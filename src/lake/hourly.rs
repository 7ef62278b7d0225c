//! `hourly/`: one row per ENI, hour, role, peer, protocol, port and action. What an analyst
//! queries, and what a later run scores again without the raw logs.

use crate::net::Prefix;
use crate::record::Action;
use crate::window::{EniClass, EniHour, FlowWindow, Role};

use super::rows::{Row, RowError};
use super::table::{Column, Kind, Table};

/// The `hourly` data set.
pub static HOURLY: Table = Table {
    name: "hourly",
    partitions: &["account", "region", "date"],
    columns: &[
        Column::new("hour", Kind::TimestampMs, "", "start of the hour, event time"),
        Column::new("eni", Kind::Text, "", "ENI, TGW attachment or NAT gateway that captured the flows"),
        Column::new("class", Kind::Text, "", "instance or relay; never sum the two"),
        Column::nullable("vpc", Kind::Text, "", "VPC id"),
        Column::nullable("subnet", Kind::Text, "", "subnet id"),
        Column::nullable("instance", Kind::Text, "", "instance id"),
        Column::nullable("eni_group", Kind::Text, "", "peer group of the ENI: ASG, tag or ECS service"),
        Column::new("role", Kind::Text, "", "client (the ENI opened it), served (the peer did) or unknown"),
        Column::new("peer", Kind::Text, "", "the other side: an address, or a prefix when rolled up"),
        Column::new(
            "peer_prefix_bits",
            Kind::Int32,
            "bits",
            "prefix length of peer: 32 or 128 is one address",
        ),
        Column::new("protocol", Kind::Int32, "", "IANA protocol number, 255 when the format has none"),
        Column::new("port", Kind::Int32, "", "port of the service side, 0 for protocols without ports"),
        Column::nullable("action", Kind::Text, "", "ACCEPT or REJECT"),
        Column::nullable("service", Kind::Text, "", "AWS service of the peer"),
        Column::new("egress_bytes", Kind::Int64, "bytes", "sent by the ENI, IP layer with headers").varied(),
        Column::new("egress_packets", Kind::Int64, "packets", "sent by the ENI"),
        Column::new("egress_records", Kind::Int64, "records", "flow records of the egress direction"),
        Column::new("egress_app_bytes", Kind::Int64, "bytes", "sent, less IP and transport headers").varied(),
        Column::new("ingress_bytes", Kind::Int64, "bytes", "received by the ENI, IP layer with headers")
            .varied(),
        Column::new("ingress_packets", Kind::Int64, "packets", "received by the ENI"),
        Column::new("ingress_records", Kind::Int64, "records", "flow records of the ingress direction"),
        Column::new("ingress_app_bytes", Kind::Int64, "bytes", "received, less IP and transport headers")
            .varied(),
        Column::new("first_seen", Kind::TimestampMs, "", "earliest start of a record").varied(),
        Column::new("last_seen", Kind::TimestampMs, "", "latest end of a record").varied(),
        Column::new("egress_tcp_flags", Kind::Int32, "bit set", "tcp-flags of the egress records, OR-ed"),
        Column::new("ingress_tcp_flags", Kind::Int32, "bit set", "tcp-flags of the ingress records, OR-ed"),
        Column::new("traffic_paths", Kind::Int32, "bit set", "traffic-path values seen, bit n for path n"),
        Column::new(
            "minutes",
            Kind::Int64,
            "bit set",
            "minutes in which an egress record ended, bit 0 first",
        ),
        Column::new("rollup_level", Kind::Int32, "", "0 addresses, 1 /24 or /48, 2 /16 or /32, 3 all in one"),
    ],
    doc: "One row per ENI, UTC hour, role, peer, protocol, service port and action.",
};

/// Order of rows within an ENI-hour.
pub(super) fn flow_order(flow: &FlowWindow) -> (Role, Prefix, u8, u16, Option<Action>) {
    (flow.role, flow.peer, flow.protocol, flow.port, flow.action)
}

/// The rows of some flows of an ENI-hour.
pub(super) fn fill(row: Row<'_>, hour: &EniHour, flows: &[FlowWindow]) -> Result<(), RowError> {
    let each = || flows.iter();
    row.timestamp_ms("hour", hour.hour.start_second() * 1000)
        .text("eni", &hour.id.eni)
        .text("class", class_text(hour.class))
        .text_or_null("vpc", &hour.vpc)
        .text_or_null("subnet", &hour.subnet)
        .text_or_null("instance", &hour.instance)
        .text_or_null("eni_group", &hour.group)
        .texts("role", each().map(|flow| role_text(flow.role)))
        .prefixes("peer", each().map(|flow| flow.peer))
        .int32s("peer_prefix_bits", each().map(|flow| prefix_bits(flow.peer)))
        .int32s("protocol", each().map(|flow| flow.protocol))
        .int32s("port", each().map(|flow| flow.port))
        .texts_or_null("action", each().map(|flow| action_text(flow.action)))
        .texts_or_null("service", each().map(|flow| &*flow.service))
        .counts("egress_bytes", each().map(|flow| flow.egress_bytes))
        .counts("egress_packets", each().map(|flow| flow.egress_packets))
        .counts("egress_records", each().map(|flow| flow.egress_records.into()))
        .counts("egress_app_bytes", each().map(FlowWindow::egress_app_bytes))
        .counts("ingress_bytes", each().map(|flow| flow.ingress_bytes))
        .counts("ingress_packets", each().map(|flow| flow.ingress_packets))
        .counts("ingress_records", each().map(|flow| flow.ingress_records.into()))
        .counts("ingress_app_bytes", each().map(FlowWindow::ingress_app_bytes))
        .timestamps_ms("first_seen", each().map(|flow| i64::from(flow.first_second) * 1000))
        .timestamps_ms("last_seen", each().map(|flow| i64::from(flow.last_second) * 1000))
        .int32s("egress_tcp_flags", each().map(|flow| flow.egress_flags))
        .int32s("ingress_tcp_flags", each().map(|flow| flow.ingress_flags))
        .int32s("traffic_paths", each().map(|flow| flow.traffic_paths))
        .int64s("minutes", each().map(|flow| flow.minutes.cast_signed()))
        .int32("rollup_level", hour.rollup_level)
        .end()
}

/// Prefix length as written after the slash: 24 for an IPv4 /24.
fn prefix_bits(peer: Prefix) -> u8 {
    if peer.addr().is_v4() { peer.len128().saturating_sub(96) } else { peer.len128() }
}

/// The word for a class.
pub(super) fn class_text(class: EniClass) -> &'static str {
    match class {
        EniClass::Instance => "instance",
        EniClass::Relay => "relay",
    }
}

/// The class a word stands for.
pub(super) fn parse_class(text: &str) -> Option<EniClass> {
    [EniClass::Instance, EniClass::Relay].into_iter().find(|class| class_text(*class) == text)
}

fn role_text(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Served => "served",
        Role::Unknown => "unknown",
    }
}

/// The role a word stands for.
pub(super) fn parse_role(text: &str) -> Option<Role> {
    [Role::Client, Role::Served, Role::Unknown].into_iter().find(|role| role_text(*role) == text)
}

fn action_text(action: Option<Action>) -> &'static str {
    match action {
        None => "",
        Some(Action::Accept) => "ACCEPT",
        Some(Action::Reject) => "REJECT",
    }
}

/// The action a word stands for.
pub(super) fn parse_action(text: &str) -> Option<Action> {
    [Action::Accept, Action::Reject].into_iter().find(|action| action_text(Some(*action)) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_bits_are_those_after_the_slash() {
        for text in ["203.0.113.0/24", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32"] {
            let bits = prefix_bits(text.parse().unwrap());
            assert_eq!(bits.to_string(), text.split_once('/').unwrap().1);
        }
        assert_eq!(prefix_bits("203.0.113.9".parse().unwrap()), 32);
        assert_eq!(prefix_bits("2001:db8::1".parse().unwrap()), 128);
    }
}
