//! Which columns a record has, and in what order.

use std::str::FromStr;

use super::SimulateError;

/// Every field, in the order of AWS's table, with the number of fields up to versions 2, 3 and 5
/// being 14, 21 and 29.
#[rustfmt::skip]
pub(super) const FIELDS: [&str; 54] = [
    "version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol",
    "packets", "bytes", "start", "end", "action", "log-status", "vpc-id", "subnet-id", "instance-id",
    "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr", "region", "az-id", "sublocation-type",
    "sublocation-id", "pkt-src-aws-service", "pkt-dst-aws-service", "flow-direction", "traffic-path",
    "ecs-cluster-arn", "ecs-cluster-name", "ecs-container-instance-arn", "ecs-container-instance-id",
    "ecs-container-id", "ecs-second-container-id", "ecs-service-name", "ecs-task-definition-arn",
    "ecs-task-arn", "ecs-task-id", "reject-reason", "resource-id", "encryption-status", "instance-tag",
    "instance-tag-2", "interface-tag", "interface-tag-2", "asg-tag", "asg-tag-2", "interface-type",
    "next-hop-interface-id", "next-hop-subnet-id", "next-hop-az-id", "next-hop-vpc-id",
    "next-hop-interface-type",
];

/// Columns of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimFormat {
    /// The default format: 14 fields.
    V2,
    /// With VPC, subnet, instance, tcp-flags and pkt-* addresses: 21 fields.
    V3,
    /// With region, zone, AWS service, direction and path: 29 fields.
    V5,
    /// All 54 fields.
    V11,
    /// These fields in this order, by their names in AWS's table.
    Custom(Vec<String>),
}

/// A column, as an index into `FIELDS`.
pub(super) type Column = usize;

impl SimFormat {
    /// The columns.
    pub(super) fn columns(&self) -> Result<Vec<Column>, SimulateError> {
        let up_to = match self {
            Self::V2 => 14,
            Self::V3 => 21,
            Self::V5 => 29,
            Self::V11 => 54,
            Self::Custom(names) if names.is_empty() => {
                return Err(SimulateError::UnknownField(String::new()));
            }
            Self::Custom(names) => return names.iter().map(|name| column(name)).collect(),
        };
        Ok((0..up_to).collect())
    }
}

fn column(name: &str) -> Result<Column, SimulateError> {
    FIELDS.iter().position(|field| *field == name).ok_or_else(|| SimulateError::UnknownField(name.to_owned()))
}

/// Indices into `FIELDS` of the columns that hold something.
pub(super) mod at {
    use super::Column;

    pub(in crate::simulate) const VERSION: Column = 0;
    pub(in crate::simulate) const ACCOUNT: Column = 1;
    pub(in crate::simulate) const INTERFACE: Column = 2;
    pub(in crate::simulate) const SRC: Column = 3;
    pub(in crate::simulate) const DST: Column = 4;
    pub(in crate::simulate) const SRC_PORT: Column = 5;
    pub(in crate::simulate) const DST_PORT: Column = 6;
    pub(in crate::simulate) const PROTOCOL: Column = 7;
    pub(in crate::simulate) const PACKETS: Column = 8;
    pub(in crate::simulate) const BYTES: Column = 9;
    pub(in crate::simulate) const START: Column = 10;
    pub(in crate::simulate) const END: Column = 11;
    pub(in crate::simulate) const ACTION: Column = 12;
    pub(in crate::simulate) const LOG_STATUS: Column = 13;
    pub(in crate::simulate) const VPC: Column = 14;
    pub(in crate::simulate) const SUBNET: Column = 15;
    pub(in crate::simulate) const INSTANCE: Column = 16;
    pub(in crate::simulate) const TCP_FLAGS: Column = 17;
    pub(in crate::simulate) const TYPE: Column = 18;
    pub(in crate::simulate) const PKT_SRC: Column = 19;
    pub(in crate::simulate) const PKT_DST: Column = 20;
    pub(in crate::simulate) const REGION: Column = 21;
    pub(in crate::simulate) const AZ: Column = 22;
    pub(in crate::simulate) const PKT_SRC_SERVICE: Column = 25;
    pub(in crate::simulate) const PKT_DST_SERVICE: Column = 26;
    pub(in crate::simulate) const DIRECTION: Column = 27;
    pub(in crate::simulate) const TRAFFIC_PATH: Column = 28;
    pub(in crate::simulate) const ENCRYPTION: Column = 41;
    pub(in crate::simulate) const ASG_TAG: Column = 46;
    pub(in crate::simulate) const INTERFACE_TYPE: Column = 48;
}

impl FromStr for SimFormat {
    type Err = SimulateError;

    /// `v2`, `v3`, `v5`, `v11`, or field names separated by spaces or commas.
    fn from_str(text: &str) -> Result<Self, SimulateError> {
        let format = match text {
            "v2" => Self::V2,
            "v3" => Self::V3,
            "v5" => Self::V5,
            "v11" => Self::V11,
            names => {
                let names = names.split([' ', ',']).filter(|name| !name.is_empty());
                Self::Custom(names.map(str::to_owned).collect())
            }
        };
        format.columns().map(|_| format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_the_numbers_of_columns_that_aws_documents() {
        for (format, columns) in
            [(SimFormat::V2, 14), (SimFormat::V3, 21), (SimFormat::V5, 29), (SimFormat::V11, 54)]
        {
            assert_eq!(format.columns().unwrap().len(), columns);
        }
        let custom = SimFormat::Custom(vec!["end".into(), "bytes".into()]);
        assert_eq!(custom.columns().unwrap(), [at::END, at::BYTES]);
        assert!(SimFormat::Custom(vec!["packet".into()]).columns().is_err());
        assert!(SimFormat::Custom(Vec::new()).columns().is_err());
    }

    #[test]
    fn indices_name_their_fields() {
        for (index, name) in [
            (at::SRC, "srcaddr"),
            (at::END, "end"),
            (at::LOG_STATUS, "log-status"),
            (at::TCP_FLAGS, "tcp-flags"),
            (at::PKT_DST, "pkt-dstaddr"),
            (at::PKT_DST_SERVICE, "pkt-dst-aws-service"),
            (at::TRAFFIC_PATH, "traffic-path"),
            (at::ENCRYPTION, "encryption-status"),
            (at::ASG_TAG, "asg-tag"),
            (at::INTERFACE_TYPE, "interface-type"),
        ] {
            assert_eq!(FIELDS[index], name);
        }
    }

    #[test]
    fn formats_read_from_text() {
        assert_eq!("v5".parse::<SimFormat>().unwrap(), SimFormat::V5);
        let custom = SimFormat::Custom(vec!["end".into(), "bytes".into()]);
        assert_eq!("end, bytes".parse::<SimFormat>().unwrap(), custom);
        assert_eq!("v4".parse::<SimFormat>(), Err(SimulateError::UnknownField("v4".into())));
    }
}
