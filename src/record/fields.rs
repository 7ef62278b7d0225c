//! The one table of flow-log fields: 54 of VPC flow logs and the 18 that only transit gateways have.
//!
//! Source: AWS, "Flow log records" (available fields, v2 to v11) and "Transit Gateway Flow Logs
//! records" (v6). Everything that needs a field's name, version or type asks this table: header
//! lines, Parquet schemas, `--format-fields`, the generator.

/// How a field's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Decimal digits.
    Integer,
    /// An IPv4 or IPv6 address.
    Address,
    /// One of a closed set of words.
    Word,
    /// Any text without spaces.
    Text,
}

/// What a column fills in the record. `Skip` columns are recognised and not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Skip,
    Account,
    Interface,
    Attachment,
    Resource,
    Vpc,
    Subnet,
    Instance,
    Region,
    InterfaceType,
    SrcService,
    DstService,
    AsgTag,
    InterfaceTag,
    InstanceTag,
    EcsService,
    Src,
    Dst,
    PktSrc,
    PktDst,
    SrcPort,
    DstPort,
    Protocol,
    Packets,
    Bytes,
    Start,
    End,
    Action,
    Status,
    TcpFlags,
    Direction,
    TrafficPath,
}

/// Columns of which several may stand for the same thing, beside the one that is named after it.
pub(crate) const SPARES: [Target; 6] = [
    Target::Attachment,
    Target::Resource,
    Target::AsgTag,
    Target::InterfaceTag,
    Target::InstanceTag,
    Target::EcsService,
];

/// One field of a flow log.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name in text headers and in the API, hyphenated.
    pub name: &'static str,
    /// Version that introduced it.
    pub version: u8,
    /// How its value is written.
    pub kind: Kind,
    /// What it holds.
    pub doc: &'static str,
    /// What it fills in a `FlowRecord`.
    pub(crate) target: Target,
}

impl Field {
    /// Column name in Parquet: the text name with underscores.
    pub fn parquet_name(&self) -> String {
        self.name.replace('-', "_")
    }
}

const fn field(name: &'static str, version: u8, kind: Kind, target: Target, doc: &'static str) -> Field {
    Field { name, version, kind, doc, target }
}

/// Fields of VPC flow logs; the rows of `FIELDS` after them exist for transit gateways only.
pub const VPC_FIELDS: usize = 54;

/// Every field, in the order of AWS's tables: v2 to v11, then the transit gateway's own.
#[rustfmt::skip]
pub const FIELDS: [Field; 72] = [
    field("version", 2, Kind::Integer, Target::Skip, "highest version among the chosen fields; says nothing about the layout"),
    field("account-id", 2, Kind::Text, Target::Account, "owner of the interface, or `unknown`"),
    field("interface-id", 2, Kind::Text, Target::Interface, "the ENI that captured the flow; `-` for a regional NAT gateway"),
    field("srcaddr", 2, Kind::Address, Target::Src, "sender, or the ENI's primary private address on egress"),
    field("dstaddr", 2, Kind::Address, Target::Dst, "destination, or the ENI's primary private address on ingress"),
    field("srcport", 2, Kind::Integer, Target::SrcPort, "0 for protocols without ports"),
    field("dstport", 2, Kind::Integer, Target::DstPort, "0 for protocols without ports"),
    field("protocol", 2, Kind::Integer, Target::Protocol, "IANA protocol number"),
    field("packets", 2, Kind::Integer, Target::Packets, "packets in the record"),
    field("bytes", 2, Kind::Integer, Target::Bytes, "IP-layer bytes with headers"),
    field("start", 2, Kind::Integer, Target::Start, "Unix second of the first packet in the interval"),
    field("end", 2, Kind::Integer, Target::End, "Unix second of the last packet in the interval"),
    field("action", 2, Kind::Word, Target::Action, "`ACCEPT` or `REJECT`"),
    field("log-status", 2, Kind::Word, Target::Status, "`OK`, `NODATA` or `SKIPDATA`"),
    field("vpc-id", 3, Kind::Text, Target::Vpc, "VPC of the ENI"),
    field("subnet-id", 3, Kind::Text, Target::Subnet, "subnet of the ENI"),
    field("instance-id", 3, Kind::Text, Target::Instance, "instance, `-` for requester-managed interfaces"),
    field("tcp-flags", 3, Kind::Integer, Target::TcpFlags, "FIN 1, SYN 2, RST 4, SYN-ACK 18, OR-ed over the interval"),
    field("type", 3, Kind::Text, Target::Skip, "`IPv4`, `IPv6` or `EFA`"),
    field("pkt-srcaddr", 3, Kind::Address, Target::PktSrc, "source in the packet header"),
    field("pkt-dstaddr", 3, Kind::Address, Target::PktDst, "destination in the packet header"),
    field("region", 4, Kind::Text, Target::Region, "region, such as `eu-west-1`"),
    field("az-id", 4, Kind::Text, Target::Skip, "availability zone id"),
    field("sublocation-type", 4, Kind::Text, Target::Skip, "`wavelength`, `outpost` or `localzone`"),
    field("sublocation-id", 4, Kind::Text, Target::Skip, "id of the sublocation"),
    field("pkt-src-aws-service", 5, Kind::Text, Target::SrcService, "AWS address range of pkt-srcaddr, an open set"),
    field("pkt-dst-aws-service", 5, Kind::Text, Target::DstService, "AWS address range of pkt-dstaddr, an open set"),
    field("flow-direction", 5, Kind::Word, Target::Direction, "`ingress` or `egress` relative to the ENI"),
    field("traffic-path", 5, Kind::Integer, Target::TrafficPath, "way out of the VPC, 1 to 8, egress only"),
    field("ecs-cluster-arn", 7, Kind::Text, Target::Skip, "ECS cluster ARN"),
    field("ecs-cluster-name", 7, Kind::Text, Target::Skip, "ECS cluster name"),
    field("ecs-container-instance-arn", 7, Kind::Text, Target::Skip, "ECS container instance ARN"),
    field("ecs-container-instance-id", 7, Kind::Text, Target::Skip, "ECS container instance id"),
    field("ecs-container-id", 7, Kind::Text, Target::Skip, "runtime id of the first container"),
    field("ecs-second-container-id", 7, Kind::Text, Target::Skip, "runtime id of the second container"),
    field("ecs-service-name", 7, Kind::Text, Target::EcsService, "ECS service name"),
    field("ecs-task-definition-arn", 7, Kind::Text, Target::Skip, "ECS task definition ARN"),
    field("ecs-task-arn", 7, Kind::Text, Target::Skip, "ECS task ARN"),
    field("ecs-task-id", 7, Kind::Text, Target::Skip, "ECS task id"),
    field("reject-reason", 8, Kind::Text, Target::Skip, "`BPA` or `EC` where a rejection has one, an open set"),
    field("resource-id", 9, Kind::Text, Target::Resource, "regional NAT gateway the flow belongs to"),
    field("encryption-status", 10, Kind::Integer, Target::Skip, "0 none, 1 Nitro, 2 application layer, 3 both"),
    field("instance-tag", 11, Kind::Text, Target::InstanceTag, "value of the chosen instance tag, percent-encoded"),
    field("instance-tag-2", 11, Kind::Text, Target::Skip, "value of the second chosen instance tag"),
    field("interface-tag", 11, Kind::Text, Target::InterfaceTag, "value of the chosen interface tag, percent-encoded"),
    field("interface-tag-2", 11, Kind::Text, Target::Skip, "value of the second chosen interface tag"),
    field("asg-tag", 11, Kind::Text, Target::AsgTag, "value of the chosen Auto Scaling group tag, percent-encoded"),
    field("asg-tag-2", 11, Kind::Text, Target::Skip, "value of the second chosen Auto Scaling group tag"),
    field("interface-type", 11, Kind::Text, Target::InterfaceType, "type of the capturing interface, an open set"),
    field("next-hop-interface-id", 11, Kind::Text, Target::Skip, "receiving interface on egress, sending one on ingress"),
    field("next-hop-subnet-id", 11, Kind::Text, Target::Skip, "subnet of the next hop"),
    field("next-hop-az-id", 11, Kind::Text, Target::Skip, "availability zone id of the next hop"),
    field("next-hop-vpc-id", 11, Kind::Text, Target::Skip, "VPC of the next hop"),
    field("next-hop-interface-type", 11, Kind::Text, Target::Skip, "interface type of the next hop"),
    field("resource-type", 6, Kind::Text, Target::Skip, "`TransitGateway` or `TransitGatewayAttachment`"),
    field("tgw-id", 6, Kind::Text, Target::Skip, "transit gateway id"),
    field("tgw-attachment-id", 6, Kind::Text, Target::Attachment, "attachment that captured the flow"),
    field("tgw-src-vpc-account-id", 6, Kind::Text, Target::Skip, "account of the source VPC"),
    field("tgw-dst-vpc-account-id", 6, Kind::Text, Target::Skip, "account of the destination VPC"),
    field("tgw-src-vpc-id", 6, Kind::Text, Target::Skip, "source VPC"),
    field("tgw-dst-vpc-id", 6, Kind::Text, Target::Skip, "destination VPC"),
    field("tgw-src-subnet-id", 6, Kind::Text, Target::Skip, "source subnet"),
    field("tgw-dst-subnet-id", 6, Kind::Text, Target::Skip, "destination subnet"),
    field("tgw-src-eni", 6, Kind::Text, Target::Skip, "source interface"),
    field("tgw-dst-eni", 6, Kind::Text, Target::Skip, "destination interface"),
    field("tgw-src-az-id", 6, Kind::Text, Target::Skip, "availability zone id of the source"),
    field("tgw-dst-az-id", 6, Kind::Text, Target::Skip, "availability zone id of the destination"),
    field("tgw-pair-attachment-id", 6, Kind::Text, Target::Skip, "attachment on the other side"),
    field("packets-lost-no-route", 6, Kind::Integer, Target::Skip, "packets dropped for want of a route"),
    field("packets-lost-blackhole", 6, Kind::Integer, Target::Skip, "packets dropped by a blackhole route"),
    field("packets-lost-mtu-exceeded", 6, Kind::Integer, Target::Skip, "packets dropped for their size"),
    field("packets-lost-ttl-expired", 6, Kind::Integer, Target::Skip, "packets dropped for their age"),
];

/// The default VPC format: the 14 fields of v2 in this order.
pub const DEFAULT_VPC_FORMAT: &str = "version account-id interface-id srcaddr dstaddr srcport dstport \
     protocol packets bytes start end action log-status";

/// The default transit gateway format: all 36 fields in this order.
pub const DEFAULT_TGW_FORMAT: &str = "version resource-type account-id tgw-id tgw-attachment-id \
     tgw-src-vpc-account-id tgw-dst-vpc-account-id tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id \
     tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id tgw-dst-az-id tgw-pair-attachment-id \
     srcaddr dstaddr srcport dstport protocol packets bytes start end log-status type \
     packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired \
     tcp-flags region flow-direction pkt-src-aws-service pkt-dst-aws-service";

/// The field of this name, hyphenated (text) or with underscores (Parquet).
pub fn find(name: &[u8]) -> Option<&'static Field> {
    FIELDS.iter().find(|f| same_name(f.name.as_bytes(), name))
}

fn same_name(ours: &[u8], theirs: &[u8]) -> bool {
    let hyphen = |b: u8| if b == b'_' { b'-' } else { b };
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(&a, &b)| a == hyphen(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn of_version(version: u8) -> usize {
        FIELDS[..VPC_FIELDS].iter().filter(|f| f.version == version).count()
    }

    #[test]
    fn every_version_has_as_many_fields_as_aws_lists() {
        let counts: Vec<usize> = [2, 3, 4, 5, 7, 8, 9, 10, 11].map(of_version).to_vec();
        assert_eq!(counts, [14, 7, 4, 4, 10, 1, 1, 1, 12]);
        assert_eq!(counts.iter().sum::<usize>(), VPC_FIELDS);
        assert!(FIELDS[VPC_FIELDS..].iter().all(|f| f.version == 6));
    }

    #[test]
    fn names_are_distinct_and_found_in_both_spellings() {
        let names: HashSet<&str> = FIELDS.iter().map(|f| f.name).collect();
        assert_eq!(names.len(), FIELDS.len());
        for f in &FIELDS {
            assert_eq!(find(f.name.as_bytes()).map(|g| g.name), Some(f.name));
            assert_eq!(find(f.parquet_name().as_bytes()).map(|g| g.name), Some(f.name));
        }
        assert!(find(b"srcaddr2").is_none());
        assert!(find(b"").is_none());
    }

    #[test]
    fn the_default_formats_name_known_fields_and_the_tgw_one_all_36() {
        let known = |format: &str| format.split(' ').filter(|n| find(n.as_bytes()).is_some()).count();
        assert_eq!(known(DEFAULT_VPC_FORMAT), 14);
        assert_eq!(known(DEFAULT_TGW_FORMAT), 36);
        let tgw: HashSet<&str> = DEFAULT_TGW_FORMAT.split(' ').collect();
        assert_eq!(tgw.len(), 36, "no name twice");
        assert!(FIELDS[VPC_FIELDS..].iter().all(|f| tgw.contains(f.name)));
    }

    #[test]
    fn each_part_of_a_record_is_filled_by_one_field() {
        let used: Vec<Target> = FIELDS.iter().map(|f| f.target).filter(|&t| t != Target::Skip).collect();
        assert_eq!(used.iter().collect::<HashSet<_>>().len(), used.len());
        assert_eq!(used.len(), 31);
    }
}
