//! What an object's name says: account, region, flow log and time.
//!
//! Source: Amazon VPC User Guide, "Flow log files". The file name is
//! `<account>_vpcflowlogs_<region>_<flow log>_<YYYYMMDDTHHmmZ>_<hash>.log.gz` in all four folder
//! layouts (plain, hourly, Hive, Hive hourly) and under an organisation id, so the folders are
//! not needed. The name is split from the right: what stands to the left of the account, as
//! copying tools like to add, does no harm.

/// Seconds of record ends one object covers: a file named `T` holds ends in `[T, T+5 min)`.
pub const OBJECT_SECONDS: i64 = 300;

/// What a flow log file's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectKey {
    /// Account id, 12 digits.
    pub account: String,
    /// Region, e.g. `eu-west-1`.
    pub region: String,
    /// Flow log id, `fl-` and 8 or 17 hex digits.
    pub flow_log: String,
    /// The time in the name, Unix seconds: record ends lie in `[time, time + OBJECT_SECONDS)`.
    pub time_second: i64,
}

impl ObjectKey {
    /// Reads a path, S3 key or bare file name; `None` when it is not named the AWS way.
    pub fn parse(name: &str) -> Option<Self> {
        let base = file_name(name);
        let mut parts = base.rsplitn(6, '_');
        let (_hash, time, flow_log) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, service, account) = (parts.next()?, parts.next()?, parts.next()?);
        let account = account.rsplit(|c: char| !c.is_ascii_digit()).next()?;
        let known = matches!(service, "vpcflowlogs" | "transitgateway")
            && account.len() == 12
            && flow_log.starts_with("fl-")
            && flow_log.len() > 3
            && flow_log[3..].bytes().all(|b| b.is_ascii_hexdigit())
            && !region.is_empty();
        known.then_some(())?;
        Some(Self {
            account: account.to_owned(),
            region: region.to_owned(),
            flow_log: flow_log.to_owned(),
            time_second: parse_time(time)?,
        })
    }

    /// First second after the ends this object can hold.
    pub fn end_second(&self) -> i64 {
        self.time_second + OBJECT_SECONDS
    }
}

/// What follows the folders of a path or S3 key.
pub(crate) fn file_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// `YYYYMMDDTHHmmZ` to Unix seconds.
fn parse_time(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 14
        && bytes[8] == b'T'
        && bytes[13] == b'Z'
        && bytes.iter().enumerate().all(|(i, b)| i == 8 || i == 13 || b.is_ascii_digit());
    if !shape {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<i16>().ok();
    let (month, day) = (number(4..6)? as i8, number(6..8)? as i8);
    let (hour, minute) = (number(9..11)? as i8, number(11..13)? as i8);
    let time = jiff::civil::DateTime::new(number(0..4)?, month, day, hour, minute, 0, 0).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "111111111111_vpcflowlogs_us-east-2_fl-023c6afa025ee5a04_20230128T0930Z_3a9dfd9d.log.gz";

    #[test]
    fn every_documented_layout_gives_the_same_key() {
        let want = ObjectKey {
            account: "111111111111".into(),
            region: "us-east-2".into(),
            flow_log: "fl-023c6afa025ee5a04".into(),
            time_second: 1_674_898_200,
        };
        for folder in [
            "",
            "AWSLogs/111111111111/vpcflowlogs/us-east-2/2023/01/28/",
            "pre_fix/AWSLogs/111111111111/vpcflowlogs/us-east-2/2023/01/28/09/",
            "AWSLogs/o-abc123/111111111111/vpcflowlogs/us-east-2/2023/01/28/",
            "AWSLogs/aws-account-id=111111111111/aws-service=vpcflowlogs/aws-region=us-east-2/year=2023/month=01/day=28/hour=09/",
            "s3://bucket/AWSLogs/111111111111/vpcflowlogs/us-east-2/2023/01/28/",
        ] {
            assert_eq!(ObjectKey::parse(&format!("{folder}{FILE}")), Some(want.clone()), "{folder}");
        }
    }

    #[test]
    fn parquet_names_and_added_prefixes_are_read() {
        let name =
            "111111111111_vpcflowlogs_eu-west-3_fl-032a163fae170ae52_20220831T1255Z_2ad4bef5.log.parquet";
        let key = ObjectKey::parse(name).unwrap();
        assert_eq!((key.region.as_str(), key.time_second), ("eu-west-3", 1_661_950_500));
        assert_eq!(key.end_second(), 1_661_950_800);
        assert_eq!(ObjectKey::parse(&format!("copy_of_{name}")), Some(key.clone()));
        assert_eq!(ObjectKey::parse(&format!("team-a-{name}")), Some(key));
    }

    #[test]
    fn other_names_say_nothing() {
        for name in [
            "flows.log",
            "",
            "a_b_c_d_e_f",
            "111111111111_CloudTrail_us-east-2_fl-02_20230128T0930Z_3a9dfd9d.json.gz",
            "111111111111_vpcflowlogs_us-east-2_fl-023c6afa_20231328T0930Z_3a9dfd9d.log.gz",
            "111111111111_vpcflowlogs_us-east-2_fl-023c6afa_20230128T093Z_3a9dfd9d.log.gz",
            "1111_vpcflowlogs_us-east-2_fl-023c6afa_20230128T0930Z_3a9dfd9d.log.gz",
            "111111111111_vpcflowlogs_us-east-2_fl-xyz_20230128T0930Z_3a9dfd9d.log.gz",
            "111111111111_vpcflowlogs_us-east-2_fl-0é_20230128T0930Z_3a9dfd9d.log.gz",
        ] {
            assert_eq!(ObjectKey::parse(name), None, "{name}");
        }
    }
}
