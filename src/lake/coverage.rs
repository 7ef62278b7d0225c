//! `coverage/`: one row per ENI-hour, with or without flows. Says how much could be seen, so
//! that silence can be told from blindness, and holds what belongs to the ENI and not to a pair.

use crate::window::EniHour;

use super::hourly::class_text;
use super::rows::{Row, RowError};
use super::table::{Column, Kind, Table};

/// The `coverage` data set.
pub static COVERAGE: Table = Table {
    name: "coverage",
    partitions: &["account", "region", "date"],
    columns: &[
        Column::new("hour", Kind::TimestampMs, "", "start of the hour, event time"),
        Column::new("eni", Kind::Text, "", "ENI, TGW attachment or NAT gateway"),
        Column::new("class", Kind::Text, "", "instance or relay; never sum the two"),
        Column::nullable("vpc", Kind::Text, "", "VPC id"),
        Column::nullable("subnet", Kind::Text, "", "subnet id"),
        Column::nullable("instance", Kind::Text, "", "instance id"),
        Column::nullable("eni_group", Kind::Text, "", "peer group of the ENI: ASG, tag or ECS service"),
        Column::new("own_addresses", Kind::TextList, "", "the ENI's own addresses"),
        Column::new("rollup_level", Kind::Int32, "", "0 addresses, 1 /24 or /48, 2 /16 or /32, 3 all in one"),
        Column::new("pairs", Kind::Int64, "rows", "rows of the ENI-hour in hourly"),
        Column::new("records", Kind::Int64, "records", "records with status OK"),
        Column::new("no_data_records", Kind::Int64, "records", "NODATA: intervals known to be silent"),
        Column::new(
            "skip_data_records",
            Kind::Int64,
            "records",
            "SKIPDATA: intervals in which AWS lost records",
        ),
        Column::new(
            "late_records",
            Kind::Int64,
            "records",
            "arrived in the hour, too late for their own; in no sums",
        ),
        Column::new("direction_unknown_records", Kind::Int64, "records", "direction stayed unknown"),
        Column::new("role_unknown_records", Kind::Int64, "records", "role stayed unknown"),
        Column::new(
            "slots",
            Kind::Int32,
            "bit set",
            "five-minute objects present, bit 0 first; 0 when not known",
        ),
        Column::new("missing_slots", Kind::Int32, "objects", "five-minute objects missing of twelve"),
        Column::new("interval_seconds", Kind::Int32, "seconds", "longest aggregation interval seen"),
        Column::new("seen_share", Kind::Double, "share", "share of the hour that could be seen, 0 to 1"),
        Column::new("egress_bytes", Kind::Int64, "bytes", "all bytes sent, also rejected and internal"),
        Column::new("ingress_bytes", Kind::Int64, "bytes", "all bytes received"),
        Column::new("unknown_bytes", Kind::Int64, "bytes", "bytes whose direction stayed unknown"),
        Column::new(
            "ingress_rejected_records",
            Kind::Int64,
            "records",
            "inbound and rejected; in no row of hourly",
        ),
    ],
    doc: "One row per ENI and UTC hour: what could be seen, and sums over everything seen.",
};

/// One row.
pub(super) fn fill(row: Row<'_>, hour: &EniHour) -> Result<(), RowError> {
    let (coverage, totals) = (&hour.coverage, &hour.totals);
    row.timestamp_ms("hour", hour.hour.start_second() * 1000)
        .text("eni", &hour.id.eni)
        .text("class", class_text(hour.class))
        .text_or_null("vpc", &hour.vpc)
        .text_or_null("subnet", &hour.subnet)
        .text_or_null("instance", &hour.instance)
        .text_or_null("eni_group", &hour.group)
        .list("own_addresses", &hour.own)
        .int32("rollup_level", hour.rollup_level)
        .count("pairs", hour.flows.len() as u64)
        .count("records", coverage.records)
        .count("no_data_records", coverage.no_data_records)
        .count("skip_data_records", coverage.skip_data_records)
        .count("late_records", coverage.late_records)
        .count("direction_unknown_records", coverage.direction_unknown_records)
        .count("role_unknown_records", coverage.role_unknown_records)
        .int32("slots", coverage.slots)
        .int32("missing_slots", coverage.missing_slots().cast_signed())
        .int32("interval_seconds", coverage.interval_seconds)
        .double("seen_share", coverage.seen_share())
        .count("egress_bytes", totals.egress_bytes)
        .count("ingress_bytes", totals.ingress_bytes)
        .count("unknown_bytes", totals.unknown_bytes)
        .count("ingress_rejected_records", totals.ingress_rejected_records)
        .end()
}
