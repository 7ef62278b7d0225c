//! Reads closed hours back: `coverage` says which ENI-hours there are, `hourly` holds their
//! pairs, both in the same order, so one pass over both with flat memory joins them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, Int32Array, Int64Array, ListArray, StringArray, TimestampMillisecondArray};

use crate::limits::PAIRS_PER_ENI_HOUR_MAX;
use crate::net::Addr;
use crate::window::{Coverage, EniHour, EniId, FlowWindow, Hour, Totals};

use super::columns::{Columns, TableReader, text_or_empty};
use super::error::LakeError;
use super::hourly::{parse_action, parse_class, parse_role};
use super::partition::Partition;

/// The ENI-hours of one partition in order of (hour, ENI).
pub(super) struct HourReader {
    partition: Partition,
    coverage: TableReader,
    hours: Option<(HourColumns, usize)>,
    flows: FlowReader,
    ended: bool,
}

impl HourReader {
    /// Opens both files; `None` when the partition was never written. Only the hours of `enis`
    /// when they are given.
    pub(super) fn open(
        hourly: &Path,
        coverage: &Path,
        partition: Partition,
        enis: Option<&Arc<BTreeSet<Arc<str>>>>,
    ) -> Result<Option<Self>, LakeError> {
        let Some(coverage) = TableReader::open_of(coverage, &[], enis)? else { return Ok(None) };
        let Some(flows) = TableReader::open_of(hourly, &[], enis)? else {
            return Err(LakeError::damaged(hourly)("the file is missing though coverage has one"));
        };
        let flows = FlowReader { reader: flows, batch: None, row: 0, service: "".into() };
        Ok(Some(Self { partition, coverage, hours: None, flows, ended: false }))
    }

    fn read(&mut self) -> Result<Option<EniHour>, LakeError> {
        loop {
            if let Some((columns, row)) = &mut self.hours
                && *row < columns.file.len()
            {
                let (mut hour, pairs) = columns.hour(*row, &self.partition)?;
                *row += 1;
                hour.flows.reserve(pairs.min(PAIRS_PER_ENI_HOUR_MAX));
                for _ in 0..pairs {
                    let flow = self.flows.next_of(&hour)?;
                    hour.flows.push(flow);
                }
                return Ok(Some(hour));
            }
            match self.coverage.next() {
                Some(columns) => self.hours = Some((HourColumns::new(columns?)?, 0)),
                None if self.flows.advance()? => {
                    let path = self.flows.reader.path();
                    return Err(LakeError::damaged(path)("it has more rows than coverage counts"));
                }
                None => return Ok(None),
            }
        }
    }
}

impl Iterator for HourReader {
    type Item = Result<EniHour, LakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

/// A batch of `coverage`.
struct HourColumns {
    file: Columns,
    hour: TimestampMillisecondArray,
    texts: [StringArray; 6],
    own: ListArray,
    int32s: [Int32Array; 3],
    counts: [Int64Array; 11],
}

impl HourColumns {
    fn new(file: Columns) -> Result<Self, LakeError> {
        let (text, int32, count) = (|name| file.text(name), |name| file.int32(name), |name| file.int64(name));
        Ok(Self {
            hour: file.timestamp_ms("hour")?,
            texts: [
                text("eni")?,
                text("class")?,
                text("vpc")?,
                text("subnet")?,
                text("instance")?,
                text("eni_group")?,
            ],
            own: file.list("own_addresses")?,
            int32s: [int32("rollup_level")?, int32("slots")?, int32("interval_seconds")?],
            counts: [
                count("pairs")?,
                count("records")?,
                count("no_data_records")?,
                count("skip_data_records")?,
                count("late_records")?,
                count("direction_unknown_records")?,
                count("role_unknown_records")?,
                count("egress_bytes")?,
                count("ingress_bytes")?,
                count("unknown_bytes")?,
                count("ingress_rejected_records")?,
            ],
            file,
        })
    }

    /// The ENI-hour of a row without its flows, and how many of them there are.
    fn hour(&self, row: usize, partition: &Partition) -> Result<(EniHour, usize), LakeError> {
        let [eni, class, vpc, subnet, instance, group] =
            self.texts.each_ref().map(|column| text_or_empty(column, row));
        let [rollup_level, slots, interval_seconds] = self.int32s.each_ref().map(|column| column.value(row));
        let counts = self.counts.each_ref().map(|column| column.value(row).max(0).cast_unsigned());
        let [
            pairs,
            records,
            no_data,
            skip_data,
            late,
            no_direction,
            no_role,
            egress,
            ingress,
            unknown,
            rejected,
        ] = counts;
        let (account, region) = (partition.account.clone(), partition.region.clone());
        let hour = EniHour {
            id: EniId { account, region, eni: eni.into() },
            hour: Hour::of_second(self.hour.value(row).div_euclid(1000)),
            class: parse_class(class)
                .ok_or_else(|| self.file.damaged(format!("class `{class}` is unknown")))?,
            vpc: vpc.into(),
            subnet: subnet.into(),
            instance: instance.into(),
            group: group.into(),
            own: self.own(row)?,
            coverage: Coverage {
                records,
                no_data_records: no_data,
                skip_data_records: skip_data,
                late_records: late,
                direction_unknown_records: no_direction,
                role_unknown_records: no_role,
                slots: slots as u16,
                interval_seconds: interval_seconds as u16,
            },
            totals: Totals {
                egress_bytes: egress,
                ingress_bytes: ingress,
                unknown_bytes: unknown,
                ingress_rejected_records: rejected,
            },
            rollup_level: rollup_level as u8,
            flows: Vec::new(),
        };
        Ok((hour, usize::try_from(pairs).unwrap_or(usize::MAX)))
    }

    fn own(&self, row: usize) -> Result<Vec<Addr>, LakeError> {
        let texts = self.own.value(row);
        let bad = || self.file.damaged("own_addresses holds something that is no address");
        let texts = texts.as_any().downcast_ref::<StringArray>().ok_or_else(bad)?;
        texts
            .iter()
            .map(|text| text.and_then(|text| text.parse::<IpAddr>().ok()).map(Addr::from).ok_or_else(bad))
            .collect()
    }
}

/// The rows of `hourly` one after another.
struct FlowReader {
    reader: TableReader,
    batch: Option<FlowColumns>,
    row: usize,
    /// The service of the row before: few names, many rows.
    service: Arc<str>,
}

impl FlowReader {
    /// Makes `row` point at a row; false at the end of the file.
    fn advance(&mut self) -> Result<bool, LakeError> {
        while self.batch.as_ref().is_none_or(|batch| self.row >= batch.file.len()) {
            let Some(columns) = self.reader.next() else { return Ok(false) };
            self.batch = Some(FlowColumns::new(columns?)?);
            self.row = 0;
        }
        Ok(true)
    }

    /// The next row, which has to belong to this ENI-hour.
    fn next_of(&mut self, of: &EniHour) -> Result<FlowWindow, LakeError> {
        let here = self.advance()?;
        let batch = self.batch.as_ref().filter(|batch| {
            here && batch.eni.value(self.row) == &*of.id.eni
                && batch.hour.value(self.row) == of.hour.start_second() * 1000
        });
        let Some(batch) = batch else {
            return Err(LakeError::damaged(self.reader.path())(
                "its rows are not those that coverage counts",
            ));
        };
        let service = text_or_empty(&batch.service, self.row);
        if *self.service != *service {
            self.service = service.into();
        }
        let flow = batch.flow(self.row, self.service.clone())?;
        self.row += 1;
        Ok(flow)
    }
}

/// A batch of `hourly`: what cannot be computed from the rest.
struct FlowColumns {
    file: Columns,
    hour: TimestampMillisecondArray,
    eni: StringArray,
    role: StringArray,
    peer: StringArray,
    action: StringArray,
    service: StringArray,
    first_seen: TimestampMillisecondArray,
    last_seen: TimestampMillisecondArray,
    int32s: [Int32Array; 5],
    int64s: [Int64Array; 7],
}

impl FlowColumns {
    fn new(file: Columns) -> Result<Self, LakeError> {
        let (int32, int64) = (|name| file.int32(name), |name| file.int64(name));
        Ok(Self {
            hour: file.timestamp_ms("hour")?,
            eni: file.text("eni")?,
            role: file.text("role")?,
            peer: file.text("peer")?,
            action: file.text("action")?,
            service: file.text("service")?,
            first_seen: file.timestamp_ms("first_seen")?,
            last_seen: file.timestamp_ms("last_seen")?,
            int32s: [
                int32("protocol")?,
                int32("port")?,
                int32("egress_tcp_flags")?,
                int32("ingress_tcp_flags")?,
                int32("traffic_paths")?,
            ],
            int64s: [
                int64("egress_bytes")?,
                int64("egress_packets")?,
                int64("egress_records")?,
                int64("ingress_bytes")?,
                int64("ingress_packets")?,
                int64("ingress_records")?,
                int64("minutes")?,
            ],
            file,
        })
    }

    fn flow(&self, row: usize, service: Arc<str>) -> Result<FlowWindow, LakeError> {
        let bad = |what: &str, text: &str| self.file.damaged(format!("{what} `{text}` is unknown"));
        let [protocol, port, egress_flags, ingress_flags, traffic_paths] =
            self.int32s.each_ref().map(|column| column.value(row));
        let [
            egress_bytes,
            egress_packets,
            egress_records,
            ingress_bytes,
            ingress_packets,
            ingress_records,
            minutes,
        ] = self.int64s.each_ref().map(|column| column.value(row).cast_unsigned());
        let (role, peer, action) =
            (self.role.value(row), self.peer.value(row), text_or_empty(&self.action, row));
        Ok(FlowWindow {
            role: parse_role(role).ok_or_else(|| bad("role", role))?,
            peer: peer.parse().map_err(|_| bad("peer", peer))?,
            protocol: protocol as u8,
            port: port as u16,
            action: if action.is_empty() {
                None
            } else {
                Some(parse_action(action).ok_or_else(|| bad("action", action))?)
            },
            service,
            egress_bytes,
            egress_packets,
            egress_records: egress_records as u32,
            ingress_bytes,
            ingress_packets,
            ingress_records: ingress_records as u32,
            first_second: self.first_seen.value(row).div_euclid(1000) as u32,
            last_second: self.last_seen.value(row).div_euclid(1000) as u32,
            egress_flags: egress_flags as u8,
            ingress_flags: ingress_flags as u8,
            traffic_paths: traffic_paths as u16,
            minutes,
        })
    }
}
