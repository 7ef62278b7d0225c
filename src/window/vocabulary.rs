//! Words of flow records that mean something here.

/// Interface types whose traffic is not their own (VPC user guide, `interface-type`; an open
/// vocabulary, written with `_` or `-`).
const RELAY_TYPES: [&str; 11] = [
    "nat_gateway",
    "regional_nat_gateway",
    "network_load_balancer",
    "gateway_load_balancer",
    "gateway_load_balancer_endpoint",
    "load_balancer",
    "amazon_elb",
    "transit_gateway",
    "vpc_endpoint",
    "global_accelerator_managed",
    "api_gateway_managed",
];

/// The values of `pkt-src-aws-service` and `pkt-dst-aws-service`: the service names of AWS's
/// ip-ranges.json. Another name counts as none: its peers roll up by prefix.
pub(super) const AWS_SERVICES: [&str; 27] = [
    "AMAZON",
    "AMAZON_APPFLOW",
    "AMAZON_CONNECT",
    "API_GATEWAY",
    "AURORA_DSQL",
    "CHIME_MEETINGS",
    "CHIME_VOICECONNECTOR",
    "CLOUD9",
    "CLOUDFRONT",
    "CLOUDFRONT_ORIGIN_FACING",
    "CODEBUILD",
    "DYNAMODB",
    "EBS",
    "EC2",
    "EC2_INSTANCE_CONNECT",
    "GLOBALACCELERATOR",
    "IVS_LOW_LATENCY",
    "IVS_REALTIME",
    "KINESIS_VIDEO_STREAMS",
    "MEDIA_PACKAGE_V2",
    "ROUTE53",
    "ROUTE53_HEALTHCHECKS",
    "ROUTE53_HEALTHCHECKS_PUBLISHING",
    "ROUTE53_RESOLVER",
    "S3",
    "WORKSPACES",
    "WORKSPACES_GATEWAYS",
];

/// Whether an `interface-type` names something that forwards other people's traffic.
pub(super) fn is_relay_type(text: &[u8]) -> bool {
    let same = |name: &str| {
        name.len() == text.len()
            && name.bytes().zip(text).all(|(a, b)| a == b.to_ascii_lowercase() || (a == b'_' && *b == b'-'))
    };
    RELAY_TYPES.iter().any(|name| same(name))
}
