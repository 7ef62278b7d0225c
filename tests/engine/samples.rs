//! Every public sample of a flow log, with what is in it: worked out by looking at the files.
//!
//! The samples lie beside the project (`../shared`, or `OUTFLOW_SHARED`) and are not part of it.
//! Where they are absent the test says so and passes. A file on disk that the table does not
//! know fails, so that nobody adds a sample without saying what it holds.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail loudly, and a test that did not run says so"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use outflow::record::fields::DEFAULT_VPC_FORMAT;
use outflow::record::{ColumnPlan, FlowRecord, ReadReport, RecordSink, SkipReason, read_object};

use SkipReason::{BadEnvelope, BadNumber, CutOff, NoHeader, TooFewFields, TooManyFields};

/// Fields of the transit gateway sample in CloudWatch form.
const TGW_CWL: &str = "version account-id tgw-id tgw-attachment-id tgw-src-vpc-id tgw-dst-vpc-id \
    tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id tgw-dst-az-id \
    tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status \
    type tcp-flags flow-direction region";

/// What a sample comes to.
struct Expected {
    folder: &'static str,
    /// File name.
    name: &'static str,
    /// Configured format, as `--format-fields` takes it.
    format: Option<&'static str>,
    records: u64,
    no_data: u64,
    skip_data: u64,
    /// Skipped lines: reason, how many, and the 1-based line of the first.
    skipped: &'static [(SkipReason, u64, u64)],
    /// Whether the object ends in an error.
    is_damaged: bool,
}

const fn ok(name: &'static str, records: u64, no_data: u64, skip_data: u64) -> Expected {
    Expected {
        folder: "flowlogs",
        name,
        format: None,
        records,
        no_data,
        skip_data,
        skipped: &[],
        is_damaged: false,
    }
}

impl Expected {
    const fn skipped(self, skipped: &'static [(SkipReason, u64, u64)]) -> Self {
        Self { skipped, ..self }
    }

    const fn with_format(self, format: &'static str) -> Self {
        Self { format: Some(format), ..self }
    }

    const fn event(self) -> Self {
        Self { folder: "events", ..self }
    }

    const fn damaged(self) -> Self {
        Self { is_damaged: true, ..self }
    }
}

#[rustfmt::skip]
const SAMPLES: &[Expected] = &[
    ok("SEKOIA-IO_automation-library_111111111111_vpcflowlogs_eu-west-2_fl-0dcbf7c4c2483c6b6_20220221T1955Z_7fe2e5f7.log", 5, 0, 0),
    ok("SEKOIA-IO_automation-library_111111111111_vpcflowlogs_eu-west-2_fl-0dcbf7c4c2483c6b6_20220221T2025Z_55a7d2af.log", 5, 0, 0),
    ok("SEKOIA-IO_automation-library_111111111111_vpcflowlogs_eu-west-3_fl-032a163fae170ae52_20220831T1255Z_2ad4bef5.log.parquet", 7, 0, 0),
    ok("SEKOIA-IO_automation-library_test_ocsf.parquet", 3, 0, 0),
    ok("SYNTHETIC_crlf.log", 2, 1, 1),
    ok("SYNTHETIC_custom_no-flow-direction_no-action.log", 1, 0, 0),
    ok("SYNTHETIC_empty-body.log.gz", 0, 0, 0),
    ok("SYNTHETIC_empty.log", 0, 0, 0),
    ok("SYNTHETIC_header-only.log", 0, 0, 0),
    ok("SYNTHETIC_multi-member_header-repeated.log.gz", 4, 2, 2),
    ok("SYNTHETIC_multi-member_split-mid-line.log.gz", 2, 1, 1),
    ok("SYNTHETIC_no-header_default-v2.log", 0, 0, 0).skipped(&[(NoHeader, 4, 1)]),
    ok("SYNTHETIC_no-header_default-v2.log", 2, 1, 1).with_format(DEFAULT_VPC_FORMAT),
    ok("SYNTHETIC_no-trailing-newline.log", 2, 1, 1),
    ok("SYNTHETIC_single-member.log.gz", 2, 1, 1),
    ok("SYNTHETIC_truncated.log.gz", 0, 0, 0).skipped(&[(CutOff, 1, 1)]).damaged(),
    ok("SYNTHETIC_utf8-bom_trailing-blank-lines_double-spaces.log", 2, 1, 1),
    ok("SYNTHETIC_v11_all-54-fields.log", 3, 0, 0),
    ok("awsdocs_vpc-user-guide_custom-v3_tcp-flag-sequence.log", 8, 0, 0),
    // The documentation's own ellipsis.
    ok("awsdocs_vpc-user-guide_custom-v3_transit-gateway-eni.log", 4, 0, 0).skipped(&[(TooFewFields, 1, 3)]),
    ok("awsdocs_vpc-user-guide_custom-v5_service-path-direction.log", 2, 0, 0),
    // The documentation's own comments at the end of two lines.
    ok("awsdocs_vpc-user-guide_custom_nat-gateway_no-version.log", 4, 0, 0).skipped(&[(TooManyFields, 2, 6)]),
    ok("awsdocs_vpc-user-guide_default-v2_no-header.log", 0, 0, 0).skipped(&[(NoHeader, 7, 1)]),
    ok("awsdocs_vpc-user-guide_default-v2_no-header.log", 5, 1, 1).with_format(DEFAULT_VPC_FORMAT),
    // Its third row gives 8080 as protocol.
    ok("obsrvbl-oss_flowlogs-reader_flows.parquet", 1, 1, 0).skipped(&[(BadNumber, 1, 3)]),
    ok("obsrvbl-oss_flowlogs-reader_v2-records_no-header.log", 0, 0, 0).skipped(&[(NoHeader, 5, 1)]),
    ok("obsrvbl-oss_flowlogs-reader_v2-records_no-header.log", 3, 1, 1).with_format(DEFAULT_VPC_FORMAT),
    ok("obsrvbl-oss_flowlogs-reader_v3-file.log", 2, 0, 0),
    ok("obsrvbl-oss_flowlogs-reader_v4-file.log", 2, 0, 0),
    ok("obsrvbl-oss_flowlogs-reader_v5-file.log", 2, 0, 0).skipped(&[(TooFewFields, 1, 4)]),
    ok("obsrvbl-oss_flowlogs-reader_v6-file.log", 1, 0, 0),
    ok("open-telemetry_opentelemetry-collector-contrib_too_few_fields.log", 0, 0, 0).skipped(&[(TooFewFields, 1, 2)]),
    ok("open-telemetry_opentelemetry-collector-contrib_too_many_fields.log", 0, 0, 0).skipped(&[(TooManyFields, 1, 2)]),
    ok("open-telemetry_opentelemetry-collector-contrib_valid_tgw_flow_log.log", 1, 0, 0),
    ok("open-telemetry_opentelemetry-collector-contrib_valid_vpc_flow_log_ecs.log", 1, 0, 0),
    ok("open-telemetry_opentelemetry-collector-contrib_valid_vpc_flow_log_multi.log", 2, 0, 0),
    ok("open-telemetry_opentelemetry-collector-contrib_valid_vpc_flow_log_nodata.log", 0, 1, 0),
    ok("opensearch-project_opensearch-catalog_bodies_no-header.log", 0, 0, 0).skipped(&[(NoHeader, 1, 1)]),
    ok("opensearch-project_opensearch-catalog_bodies_no-header.log", 1, 0, 0).with_format(DEFAULT_VPC_FORMAT),
    ok("splunk_security_content_example-line.log", 0, 0, 0).skipped(&[(NoHeader, 1, 1)]),
    ok("splunk_security_content_example-line.log", 1, 0, 0).with_format(DEFAULT_VPC_FORMAT),
    ok("vectordotdev_vrl_v11-line.log", 1, 0, 0),
    ok("SYNTHETIC_cwl-control-message.json", 0, 0, 0).event(),
    ok("SYNTHETIC_cwl-firehose-s3_concatenated-gzip-members.gz", 0, 0, 0).event().skipped(&[(NoHeader, 4, 1)]),
    ok("SYNTHETIC_cwl-firehose-s3_concatenated-gzip-members.gz", 2, 2, 0).event().with_format(DEFAULT_VPC_FORMAT),
    ok("open-telemetry_opentelemetry-collector-contrib_cwl-envelope_valid_tgw_flow_cw.json", 1, 0, 0).event().with_format(TGW_CWL),
    ok("open-telemetry_opentelemetry-collector-contrib_cwl-envelope_valid_vpc_flow_cw.json", 2, 0, 0).event().with_format(DEFAULT_VPC_FORMAT),
    ok("open-telemetry_opentelemetry-collector-contrib_cwl-envelope_valid_vpc_flow_cw_custom.json", 2, 0, 0).event()
        .with_format("version interface-id srcaddr dstaddr"),
    // Their messages are plain words, not flow logs.
    ok("aws_aws-lambda-go_cloudwatch-logs-event.json", 0, 0, 0).event().with_format(DEFAULT_VPC_FORMAT).skipped(&[(TooFewFields, 2, 1)]),
    ok("awslabs_aws-lambda-rust-runtime_example-cloudwatch_logs-event.json", 0, 0, 0).event().with_format(DEFAULT_VPC_FORMAT).skipped(&[(TooFewFields, 2, 1)]),
    // A Lambda transformation request: no flow log arrives that way.
    ok("aws_aws-lambda-go_kinesis-firehose-event.json", 0, 0, 0).event().skipped(&[(BadEnvelope, 1, 1)]),
];

/// Sums what the tests below ask for.
#[derive(Default)]
struct Kept {
    enis: BTreeSet<String>,
    bytes: u64,
    ends: Vec<Option<i64>>,
}

impl RecordSink for Kept {
    fn record(&mut self, record: &FlowRecord<'_>) -> Result<(), SkipReason> {
        self.enis.insert(String::from_utf8_lossy(record.eni).into_owned());
        self.bytes += record.bytes.unwrap_or(0);
        self.ends.push(record.end);
        Ok(())
    }
}

/// The folder of samples, or a word that it is not there.
fn samples() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("OUTFLOW_SHARED").map_or(beside, PathBuf::from);
    let samples = shared.join("samples");
    if samples.is_dir() {
        return Some(samples);
    }
    eprintln!("NOT RUN: no samples at {}", samples.display());
    None
}

fn read(samples: &Path, folder: &str, name: &str, format: Option<&str>) -> (Kept, ReadReport) {
    let path = samples.join(folder).join(name);
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let format = format.map(|format| ColumnPlan::from_config(format).unwrap());
    let mut kept = Kept::default();
    let report = read_object(file, format.as_ref(), &mut kept);
    (kept, report)
}

#[test]
fn every_sample_comes_to_what_it_holds() {
    let Some(samples) = samples() else { return };
    for want in SAMPLES {
        let (_, report) = read(&samples, want.folder, want.name, want.format);
        let context = format!("{}: {report:?}", want.name);
        let counts = (report.records, report.no_data, report.skip_data);
        assert_eq!(counts, (want.records, want.no_data, want.skip_data), "{context}");
        for reason in SkipReason::ALL {
            let expected = want.skipped.iter().find(|s| s.0 == reason);
            assert_eq!(report.skipped[reason as usize], expected.map_or(0, |s| s.1), "{context}");
            let first = report.samples.iter().find(|s| s.reason == reason).map(|s| s.line);
            assert_eq!(first, expected.map(|s| s.2), "{context}");
        }
        assert_eq!(report.error.is_some(), want.is_damaged, "{context}");
        assert_eq!(
            report.lines,
            report.records + report.no_data + report.skip_data + report.skipped_total(),
            "every line is accounted for: {context}"
        );
    }
}

#[test]
fn no_sample_is_missing_from_the_table() {
    let Some(samples) = samples() else { return };
    let known: BTreeSet<&str> = SAMPLES.iter().filter(|s| s.folder == "flowlogs").map(|s| s.name).collect();
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(samples.join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let on_disk = names("flowlogs");
    let missing: Vec<&String> = on_disk.iter().filter(|name| !known.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "say in SAMPLES what these hold: {missing:?}");
}

#[test]
fn values_and_not_only_counts_are_right() {
    let Some(samples) = samples() else { return };
    for (name, enis, bytes) in [
        ("SYNTHETIC_single-member.log.gz", vec!["eni-0a1b2c3d4e5f60718", "eni-0b1b2c3d4e5f60719"], 4304),
        (
            "SYNTHETIC_v11_all-54-fields.log",
            vec!["eni-0a1b2c3d4e5f60718", "nat-0dddddddddddddddd"],
            2_097_152,
        ),
        ("obsrvbl-oss_flowlogs-reader_v4-file.log", vec!["i-06f9249b"], 8090),
        ("obsrvbl-oss_flowlogs-reader_v6-file.log", vec!["00000001"], 0),
        ("obsrvbl-oss_flowlogs-reader_flows.parquet", vec!["eni-102010ab", "eni-202010ab"], 840),
        ("SEKOIA-IO_automation-library_test_ocsf.parquet", vec!["eni-1111111111"], 552),
    ] {
        let (kept, _) = read(&samples, "flowlogs", name, None);
        assert_eq!(kept.enis.iter().map(String::as_str).collect::<Vec<_>>(), enis, "{name}");
        assert_eq!(kept.bytes, bytes, "{name}");
    }
}

#[test]
fn events_give_the_time_that_the_format_lacks() {
    let Some(samples) = samples() else { return };
    let name = "open-telemetry_opentelemetry-collector-contrib_cwl-envelope_valid_vpc_flow_cw_custom.json";
    let (kept, _) = read(&samples, "events", name, Some("version interface-id srcaddr dstaddr"));
    assert_eq!(kept.ends, [Some(1_733_430_000), Some(1_733_430_001)]);
}
