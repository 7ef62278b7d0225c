//! Which folders below a bucket can hold flow logs, or findings, of the time asked for.
//!
//! Source: Amazon VPC User Guide, "Flow log files"; `GuardDuty` User Guide, "Exporting findings". Below `AWSLogs/` lie an organisation id in some
//! central deliveries, then account, service, region, year, month, day and, when asked for, hour; with
//! Hive-compatible prefixes each as `name=value`. A file's time is in the folder of its UTC day, so a
//! folder outside the time asked for need not be listed.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Unit};

/// Whose logs are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// VPC Flow Logs, of transit gateways too.
    FlowLogs,
    /// Findings that `GuardDuty` exports.
    GuardDuty,
}

impl Service {
    /// Whether its logs are in a folder of this name.
    fn owns(self, folder: &str) -> bool {
        match self {
            Self::FlowLogs => matches!(folder, "vpcflowlogs" | "transitgateway"),
            Self::GuardDuty => folder == "GuardDuty",
        }
    }
}

/// Where below a bucket a folder lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// No `AWSLogs` in sight yet.
    Above,
    /// `AWSLogs/`, or below it an organisation, account, the service or a region.
    Between,
    /// Logs of another service, such as `CloudTrail`.
    Foreign,
    /// A year or month.
    Period(Period),
    /// A day: folders of hours, or objects.
    Day(Period),
    /// An hour: objects.
    Hour(Period),
    /// Below `AWSLogs/`, but not as AWS lays it out.
    Unknown,
}

/// Time that a folder is for, Unix seconds, half open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) start_second: i64,
    pub(super) end_second: i64,
}

/// What to do about a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visit {
    /// List its folders and objects, and decide about the folders.
    Walk,
    /// List every object below it.
    All,
    /// It is for another time.
    OtherTime,
    /// It is of another service.
    OtherService,
}

/// Folders deep above `AWSLogs/` that are walked; what lies deeper is listed whole.
const ABOVE_DEPTH_MAX: usize = 8;

/// What to do about the folder `prefix` (empty or ending with `/`) when logs of `service` in
/// `[from, to)`, Unix seconds, are wanted.
pub(super) fn visit(service: Service, prefix: &str, from: Option<i64>, to: Option<i64>) -> Visit {
    let (from, to) = (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
    let other = |period: Period| period.end_second <= from || period.start_second >= to;
    let whole = |period: Period| period.start_second >= from && period.end_second <= to;
    match place(service, prefix) {
        Place::Foreign => Visit::OtherService,
        Place::Period(period) | Place::Day(period) | Place::Hour(period) if other(period) => Visit::OtherTime,
        // Days are listed beside each other, months would be listed page by page.
        Place::Period(_) | Place::Between => Visit::Walk,
        Place::Day(period) if !whole(period) => Visit::Walk,
        Place::Above if prefix.matches('/').count() < ABOVE_DEPTH_MAX => Visit::Walk,
        Place::Day(_) | Place::Hour(_) | Place::Above | Place::Unknown => Visit::All,
    }
}

/// When the time of a folder begins, for folders that are for a time.
pub(super) fn start_second(prefix: &str) -> Option<i64> {
    match place(Service::FlowLogs, prefix) {
        Place::Period(period) | Place::Day(period) | Place::Hour(period) => Some(period.start_second),
        _ => None,
    }
}

/// Where the folder `prefix` lies.
fn place(service: Service, prefix: &str) -> Place {
    let segments: Vec<&str> = prefix.trim_end_matches('/').split('/').collect();
    let Some(at) = segments.iter().rposition(|segment| *segment == "AWSLogs") else { return Place::Above };
    let mut below = segments[at + 1..].iter().map(|segment| value(segment)).peekable();
    if below.peek().is_some_and(|first| first.starts_with("o-")) {
        below.next();
    }
    let Some(account) = below.next() else { return Place::Between };
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Place::Unknown;
    }
    match below.next() {
        None => return Place::Between,
        Some(folder) if service.owns(folder) => {}
        Some(_) => return Place::Foreign,
    }
    let (Some(_region), Some(year)) = (below.next(), below.next()) else { return Place::Between };
    let date: Vec<&str> = below.collect();
    dated(year, &date).unwrap_or(Place::Unknown)
}

/// `day` of `day=28` and of `28`.
fn value(segment: &str) -> &str {
    segment.split_once('=').map_or(segment, |(_, value)| value)
}

/// Year, and below it month, day and hour.
fn dated(year: &str, below: &[&str]) -> Option<Place> {
    let number = |text: &str, digits: usize| {
        let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<i16>().ok()).flatten()
    };
    let part = |at: usize| below.get(at).map_or(Some(None), |text| number(text, 2).map(Some));
    let (year, month, day, hour) = (number(year, 4)?, part(0)?, part(1)?, part(2)?);
    let date = Date::new(year, month.unwrap_or(1) as i8, day.unwrap_or(1) as i8).ok()?;
    let start = date.at(hour.unwrap_or(0) as i8, 0, 0, 0);
    let (span, place): (Span, fn(Period) -> Place) = match (month, day, hour) {
        (None, ..) => (unit(Unit::Year), Place::Period),
        (_, None, _) => (unit(Unit::Month), Place::Period),
        (.., None) => (unit(Unit::Day), Place::Day),
        _ => (unit(Unit::Hour), Place::Hour),
    };
    let end = start.checked_add(span).ok()?;
    Some(place(Period { start_second: second(start)?, end_second: second(end)? }))
}

fn unit(unit: Unit) -> Span {
    let span = Span::new();
    match unit {
        Unit::Year => span.years(1),
        Unit::Month => span.months(1),
        Unit::Day => span.days(1),
        _ => span.hours(1),
    }
}

fn second(time: DateTime) -> Option<i64> {
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(prefix: &str) -> Place {
        super::place(Service::FlowLogs, prefix)
    }

    fn visit(prefix: &str, from: Option<i64>, to: Option<i64>) -> Visit {
        super::visit(Service::FlowLogs, prefix, from, to)
    }

    const PLAIN: &str = "AWSLogs/111111111111/vpcflowlogs/eu-west-1/";
    const HIVE: &str = "AWSLogs/aws-account-id=111111111111/aws-service=vpcflowlogs/aws-region=eu-west-1/";
    /// 2026-03-01T00:00:00Z.
    const MARCH: i64 = 1_772_323_200;
    const DAY: i64 = 86_400;

    #[test]
    fn both_layouts_say_the_same() {
        let day = Period { start_second: MARCH, end_second: MARCH + DAY };
        let hour = Period { start_second: MARCH + 9 * 3600, end_second: MARCH + 10 * 3600 };
        for before in ["", "team/network/"] {
            for (folder, want) in [
                ("2026/03/01/", Place::Day(day)),
                ("2026/03/01/09/", Place::Hour(hour)),
                ("2026/03/", Place::Period(Period { start_second: MARCH, end_second: MARCH + 31 * DAY })),
                (
                    "2026/",
                    Place::Period(Period { start_second: MARCH - 59 * DAY, end_second: MARCH + 306 * DAY }),
                ),
                ("", Place::Between),
            ] {
                assert_eq!(place(&format!("{before}{PLAIN}{folder}")), want, "{folder}");
                let mut names = ["year", "month", "day", "hour"].iter();
                let mut hive = String::new();
                for value in folder.split_terminator('/') {
                    hive += &[names.next().unwrap(), "=", value, "/"].concat();
                }
                assert_eq!(place(&format!("{before}{HIVE}{hive}")), want, "{hive}");
            }
        }
        assert_eq!(place("AWSLogs/o-abc123/111111111111/vpcflowlogs/eu-west-1/2026/03/01/"), Place::Day(day));
    }

    #[test]
    fn what_is_above_beside_and_unknown_is_told_apart() {
        for (folder, want) in [
            ("", Place::Above),
            ("team/", Place::Above),
            ("team/AWSLogs/", Place::Between),
            ("AWSLogs/o-abc123/", Place::Between),
            ("AWSLogs/111111111111/", Place::Between),
            ("AWSLogs/111111111111/vpcflowlogs/", Place::Between),
            ("AWSLogs/111111111111/CloudTrail/", Place::Foreign),
            ("AWSLogs/111111111111/CloudTrail/eu-west-1/2026/", Place::Foreign),
            ("AWSLogs/backup/", Place::Unknown),
            ("AWSLogs/111111111111/vpcflowlogs/eu-west-1/2026/13/", Place::Unknown),
            ("AWSLogs/111111111111/vpcflowlogs/eu-west-1/old/", Place::Unknown),
        ] {
            assert_eq!(place(folder), want, "{folder}");
        }
    }

    #[test]
    fn only_folders_of_the_time_asked_for_are_visited() {
        let (from, to) = (Some(MARCH + DAY), Some(MARCH + 2 * DAY + 3600));
        let of = |folder: &str| visit(&format!("{PLAIN}{folder}"), from, to);
        assert_eq!(of("2025/"), Visit::OtherTime);
        assert_eq!(of("2026/"), Visit::Walk);
        assert_eq!(of("2026/02/"), Visit::OtherTime);
        assert_eq!(of("2026/03/"), Visit::Walk);
        assert_eq!(of("2026/03/01/"), Visit::OtherTime);
        assert_eq!(of("2026/03/02/"), Visit::All);
        assert_eq!(of("2026/03/03/"), Visit::Walk, "its hours can be told apart");
        assert_eq!(of("2026/03/03/00/"), Visit::All);
        assert_eq!(of("2026/03/03/01/"), Visit::OtherTime);
        assert_eq!(of("2026/03/04/"), Visit::OtherTime);
        assert_eq!(of("somewhere/"), Visit::All, "nothing says that it is of another time");
        assert_eq!(visit(&format!("{PLAIN}2026/03/01/"), None, None), Visit::All);
        assert_eq!(visit("a/b/c/d/e/f/g/h/", None, None), Visit::All);
    }

    #[test]
    fn findings_lie_beside_flow_logs() {
        let folder = "audit/AWSLogs/111111111111/GuardDuty/eu-west-1/2026/03/01/";
        let of = |service, folder: &str| super::visit(service, folder, Some(MARCH + DAY), None);
        assert_eq!(of(Service::GuardDuty, folder), Visit::OtherTime);
        assert_eq!(of(Service::GuardDuty, &folder.replace("/01/", "/02/")), Visit::All);
        assert_eq!(of(Service::GuardDuty, "AWSLogs/111111111111/vpcflowlogs/"), Visit::OtherService);
        assert_eq!(of(Service::FlowLogs, folder), Visit::OtherService);
    }
}
