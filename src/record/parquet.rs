//! Parquet objects: flow logs as AWS writes them, and Security Lake's OCSF.
//!
//! Columns are found by name, hyphenated or with underscores (AWS: snake case), whatever their
//! order and type (`columns.rs`). The Arrow schema some writers embed is ignored: it only says
//! what the Parquet types say too, and it is one more thing that can lie.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::columns::Values;
use super::fields::{self, Target};
use super::lines::{Lines, Place, note_unknown};
use super::text::{self, Fault};
use super::{FlowRecord, LogStatus, ObjectError, RecordSink, ocsf};

/// First and last bytes of a Parquet file.
pub(crate) const MAGIC: &[u8] = b"PAR1";
/// Rows decoded at a time.
const BATCH_ROWS: usize = 8192;

/// Which columns of the file hold what.
enum Layout {
    /// Flow-log fields by name: (index among the projected columns, field).
    Fields(Vec<(usize, &'static fields::Field)>),
    /// OCSF network activity.
    Ocsf,
}

/// Reads all rows of a Parquet file.
pub(crate) fn read<S: RecordSink>(bytes: Bytes, lines: &mut Lines<'_, S>) -> Result<(), ObjectError> {
    let (mut reader, layout) = contained(|| open(bytes, lines))??;
    let mut row = 0;
    while let Some(batch) = contained(|| reader.next())? {
        let batch = batch.map_err(|error| ObjectError::Parquet(error.to_string()))?;
        match &layout {
            Layout::Fields(columns) => rows(&batch, columns, row, lines),
            Layout::Ocsf => ocsf::rows(&batch, row, lines),
        }
        row += batch.num_rows() as u64;
    }
    Ok(())
}

/// Runs a step of the Parquet decoder. Its authors check what they read, but metadata that lies
/// has found index and arithmetic panics in it before, and one hostile object must not end the
/// run. Nothing of ours is half-changed then: the reader is dropped.
fn contained<T>(step: impl FnOnce() -> T) -> Result<T, ObjectError> {
    catch_unwind(AssertUnwindSafe(step))
        .map_err(|_| ObjectError::Parquet("the decoder gave up on corrupt data".to_owned()))
}

fn open<S: RecordSink>(
    bytes: Bytes,
    lines: &mut Lines<'_, S>,
) -> Result<(ParquetRecordBatchReader, Layout), ObjectError> {
    let broken = |error: parquet::errors::ParquetError| ObjectError::Parquet(error.to_string());
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options).map_err(broken)?;
    let names: Vec<String> = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
    let (kept, layout) = if ocsf::is_ocsf(&names) {
        (ocsf::roots(&names), Layout::Ocsf)
    } else {
        let (kept, columns) = plan(&names, lines)?;
        (kept, Layout::Fields(columns))
    };
    let mask = ProjectionMask::roots(builder.parquet_schema(), kept);
    let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(broken)?;
    Ok((reader, layout))
}

/// The columns to decode, and what each of them fills.
#[expect(clippy::type_complexity, reason = "two parallel lists, used once")]
fn plan<S: RecordSink>(
    names: &[String],
    lines: &mut Lines<'_, S>,
) -> Result<(Vec<usize>, Vec<(usize, &'static fields::Field)>), ObjectError> {
    let mut kept = Vec::new();
    let mut columns: Vec<(usize, &'static fields::Field)> = Vec::new();
    let mut known = 0;
    let mut unknown = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let Some(field) = fields::find(name.as_bytes()) else {
            unknown.push(name.clone());
            continue;
        };
        known += 1;
        if field.name.starts_with("tgw-") {
            lines.is_transit_gateway = true;
        }
        if field.target != Target::Skip && columns.iter().all(|(_, f)| f.name != field.name) {
            columns.push((kept.len(), field));
            kept.push(at);
        }
    }
    if known == 0 {
        return Err(ObjectError::Parquet("no column is a flow log field".to_owned()));
    }
    note_unknown(&mut lines.report, &unknown);
    Ok((kept, columns))
}

/// One batch, row by row.
fn rows<S: RecordSink>(
    batch: &RecordBatch,
    columns: &[(usize, &'static fields::Field)],
    first_row: u64,
    lines: &mut Lines<'_, S>,
) {
    let values: Vec<(Values, &'static fields::Field)> = columns
        .iter()
        .map(|&(at, field)| {
            let values = Values::of(batch.column(at));
            match field.target {
                Target::Account => (values.with_account_digits(), field),
                _ => (values, field),
            }
        })
        .collect();
    let has_instance_column = columns.iter().any(|(_, f)| f.target == Target::Instance);
    for row in 0..batch.num_rows() {
        let place = Place { line: first_row + row as u64 + 1, byte: 0 };
        let empty = FlowRecord { has_instance_column, ..FlowRecord::EMPTY };
        match record(&values, row, empty, lines.is_transit_gateway) {
            Ok(record) => lines.row(&record, place),
            Err(fault) => lines.row_fault(fault, place),
        }
    }
}

/// One row to a record.
fn record<'a>(
    values: &'a [(Values, &'static fields::Field)],
    row: usize,
    mut out: FlowRecord<'a>,
    is_transit_gateway: bool,
) -> Result<FlowRecord<'a>, Fault<'a>> {
    let (mut attachment, mut resource): (&[u8], &[u8]) = (b"", b"");
    let mut groups: [&[u8]; 4] = [b""; 4];
    for (column, field) in values {
        let name = field.name;
        match field.target {
            Target::Skip => {}
            Target::Account => out.account = column.text(row),
            Target::Interface => out.eni = column.text(row),
            Target::Attachment => attachment = column.text(row),
            Target::Resource => resource = column.text(row),
            Target::Vpc => out.vpc = column.text(row),
            Target::Subnet => out.subnet = column.text(row),
            Target::Instance => out.instance = column.text(row),
            Target::Region => out.region = column.text(row),
            Target::InterfaceType => out.interface_type = column.text(row),
            Target::SrcService => out.src_service = column.text(row),
            Target::DstService => out.dst_service = column.text(row),
            Target::AsgTag => groups[0] = column.text(row),
            Target::InterfaceTag => groups[1] = column.text(row),
            Target::InstanceTag => groups[2] = column.text(row),
            Target::EcsService => groups[3] = column.text(row),
            Target::Src => out.src = column.address(row, name)?,
            Target::Dst => out.dst = column.address(row, name)?,
            Target::PktSrc => out.pkt_src = column.address(row, name)?,
            Target::PktDst => out.pkt_dst = column.address(row, name)?,
            Target::SrcPort => out.src_port = column.narrow(row, name)?,
            Target::DstPort => out.dst_port = column.narrow(row, name)?,
            Target::Protocol => out.protocol = column.narrow(row, name)?,
            Target::Packets => out.packets = column.narrow(row, name)?,
            Target::Bytes => out.bytes = column.narrow(row, name)?,
            Target::Start => out.start = column.second(row, name)?,
            Target::End => out.end = column.second(row, name)?,
            Target::TcpFlags => out.tcp_flags = column.narrow(row, name)?,
            Target::Action => out.action = column.word(row, name, text::action)?,
            Target::Direction => out.direction = column.word(row, name, text::direction)?,
            Target::Status => {
                out.status = column.word(row, name, text::log_status)?.unwrap_or(LogStatus::Ok);
            }
            Target::TrafficPath => {
                // Placeholders at and below zero occur where the path does not apply.
                let path = column.integer(row, name)?.filter(|&path| path > 0);
                out.traffic_path = path.map(|_| column.narrow(row, name)).transpose()?.flatten();
            }
        }
    }
    text::settle(&mut out, attachment, resource, &groups, is_transit_gateway);
    Ok(out)
}
