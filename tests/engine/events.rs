//! Every body among the shared samples has the outcome that AWS's documentation asks for.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "what is not run is said aloud")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use outflow::source::events::{Announced, Idle, Message, read_message};

/// File, and what it says: objects by name, `findings N`, or why there is nothing to do.
const BODIES: [(&str, &str); 24] = [
    (
        "SEKOIA-IO_automation-library_sqs-body_s3-event_hive-parquet-key.json",
        "s3://aws-cloudtrail-111111111111-3abc4c4f/",
    ),
    ("SYNTHETIC_cwl-control-message.json", "unknown"),
    ("SYNTHETIC_sns_chatbot-custom-notification.json", "unknown"),
    (
        "SYNTHETIC_sqs-body_eventbridge_object-created_guardduty-export.json",
        "s3://example-gd/AWSLogs/123456789012/GuardDuty/eu-west-1/2023/11/14/07a3f2ce-1485-3031-b842-e1f324c4a48d.jsonl.gz",
    ),
    ("SYNTHETIC_sqs-body_s3-event_hive-percent-encoded-equals.json", "s3://example-flow-logs/"),
    ("aws_aws-lambda-go_cloudwatch-logs-event.json", "unknown"),
    ("aws_aws-lambda-go_kinesis-firehose-event.json", "unknown"),
    ("aws_aws-lambda-go_s3-event-with-decoded.json", "s3://sourcebucket/Happy Face.jpg"),
    ("aws_aws-lambda-go_s3-event.json", "s3://sourcebucket/Happy Face.jpg"),
    ("aws_aws-lambda-go_sns-event.json", "unknown"),
    ("aws_aws-lambda-go_sqs-event.json", "unknown"),
    (
        "awsdocs_s3-userguide_eventbridge_object-created-putobject.json",
        "s3://DOC-EXAMPLE-BUCKET1/example-key",
    ),
    ("awsdocs_s3-userguide_eventbridge_object-deleted-deleteobject.json", "not written"),
    ("awsdocs_s3-userguide_eventbridge_object-deleted-lifecycle-expiration.json", "not written"),
    ("awsdocs_s3-userguide_object-created-put.json", "s3://mybucket/HappyFace.jpg"),
    ("awsdocs_s3-userguide_schema-template.json", "unknown"),
    ("awsdocs_s3-userguide_test-event.json", "test"),
    ("awslabs_aws-lambda-rust-runtime_example-cloudwatch_logs-event.json", "unknown"),
    ("awslabs_aws-lambda-rust-runtime_example-eventbridge-event-obj.json", "unknown"),
    ("awslabs_aws-lambda-rust-runtime_example-sns-event-pascal-case.json", "unknown"),
    ("awslabs_aws-lambda-rust-runtime_example-sqs-batch-response.json", "unknown"),
    ("open-telemetry_opentelemetry-collector-contrib_cwl-envelope_valid_tgw_flow_cw.json", "unknown"),
    ("open-telemetry_opentelemetry-collector-contrib_cwl-envelope_valid_vpc_flow_cw.json", "unknown"),
    ("open-telemetry_opentelemetry-collector-contrib_cwl-envelope_valid_vpc_flow_cw_custom.json", "unknown"),
];
const LAST: (&str, &str) = ("vectordotdev_vector_sqs-body_sns-wrapped_s3-test-event.json", "test");

/// The samples; `None`, said aloud, where they are not.
fn samples() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let shared =
        std::env::var_os("OUTFLOW_SHARED").map_or_else(|| root.join("../shared"), |dir| root.join(dir));
    let events = shared.join("samples/events");
    if !events.is_dir() {
        eprintln!("not run: no samples in {}", events.display());
        return None;
    }
    Some(shared.join("samples"))
}

fn said(body: &str) -> String {
    match read_message(body) {
        Message::Objects(objects) => objects.iter().map(Announced::name).collect::<Vec<_>>().join(" "),
        Message::Findings(findings) => format!("findings {}", findings.len()),
        Message::Nothing(Idle::Test) => "test".into(),
        Message::Nothing(Idle::NotWritten) => "not written".into(),
        Message::Unknown(_) => "unknown".into(),
    }
}

#[test]
fn every_sample_has_its_documented_outcome() {
    let Some(samples) = samples() else { return };
    let mut met = BTreeSet::new();
    for (file, outcome) in BODIES.iter().chain([&LAST]) {
        let body = std::fs::read_to_string(samples.join("events").join(file)).unwrap();
        let said = said(&body);
        // Keys of bucket-only entries are long; their folders are looked at below.
        let fits = if outcome.ends_with('/') { said.starts_with(outcome) } else { said == *outcome };
        assert!(fits, "{file}: {said}");
        assert!(!said.contains('%'), "{file}: a key is still encoded: {said}");
        if file.contains("hive") {
            assert!(said.contains("/aws-account-id="), "{file}: {said}");
        }
        met.insert((*file).to_owned());
    }
    let all = std::fs::read_dir(samples.join("events")).unwrap().map(|e| e.unwrap().file_name());
    let all = all
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.to_ascii_lowercase().ends_with(".json"));
    let missed: Vec<String> = all.filter(|name| !met.contains(name)).collect();
    assert!(missed.is_empty(), "samples without an outcome: {missed:?}");
}

#[test]
fn findings_come_as_events_of_event_bridge() {
    let Some(samples) = samples() else { return };
    for file in [
        "SYNTHETIC_eventbridge_TrafficVolumeUnusual.json",
        "OluOlus_guardduty-sentinel-integration_network-eventbridge.json",
    ] {
        let body = std::fs::read_to_string(samples.join("guardduty").join(file)).unwrap();
        assert_eq!(said(&body), "findings 1", "{file}");
        let wrapped = serde_json::json!({"Type": "Notification", "TopicArn": "arn", "Message": body});
        assert_eq!(said(&wrapped.to_string()), "findings 1", "{file} in an envelope");
    }
}
