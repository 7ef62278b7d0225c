//! The process as the kernel sees it, looked up at each scrape.
//!
//! The name is the one that all Prometheus client libraries use. Memory comes from
//! `/proc/self/status` (`proc_pid_status(5)`), which gives kB where `/proc/self/statm` gives pages
//! of a size that it does not tell. Where there is no such file the metric is absent.

use std::{fmt, fs};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Gives `process_resident_memory_bytes`.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let Some(bytes) = resident_bytes(&status) else { return Ok(()) };
        let gauge = ConstGauge::new(bytes);
        let about = "Memory of the process that is in RAM.";
        let metric = encoder.encode_descriptor(
            "process_resident_memory",
            about,
            Some(&Unit::Bytes),
            gauge.metric_type(),
        )?;
        gauge.encode(metric)
    }
}

/// Resident memory, bytes.
fn resident_bytes(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = value.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_found_among_the_others() {
        let status = "Name:\tVmRSS:\nVmHWM:\t  99999 kB\nVmRSS:\t   12345 kB\nRssAnon:\t 8 kB\n";
        assert_eq!(resident_bytes(status), Some(12_345 * 1024));
    }

    #[test]
    fn what_is_not_there_is_not_zero() {
        assert_eq!(resident_bytes(""), None);
        assert_eq!(resident_bytes("VmRSS:\t12 pages\n"), None);
    }
}
