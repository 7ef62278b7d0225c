//! What every target demands of a read.

use outflow::record::{ColumnPlan, FlowRecord, RecordSink, SkipReason, read_object};

struct Counting(u64);

impl RecordSink for Counting {
    fn record(&mut self, _: &FlowRecord<'_>) -> Result<(), SkipReason> {
        self.0 += 1;
        Ok(())
    }
}

/// Reads `data` and demands that every line is a record or a counted skip.
pub fn check(data: &[u8], format: Option<&str>) {
    let format = format.map(|format| ColumnPlan::from_config(format).expect("a known format"));
    let mut sink = Counting(0);
    let report = read_object(data, format.as_ref(), &mut sink);
    assert_eq!(sink.0, report.records + report.no_data + report.skip_data);
    assert_eq!(report.lines, sink.0 + report.skipped_total());
}
