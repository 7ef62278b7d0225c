//! What `testdata/flowlogs` holds, as code: every file is made here and nowhere else.

pub mod fleet;
mod parquet_files;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Header of the default format.
pub const V2: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes \
                      start end action log-status";
/// The custom format of the AWS examples up to version 5: 29 columns.
const V5: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end \
                  action log-status vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region \
                  az-id sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction \
                  traffic-path";
/// What version 11 has beyond version 5.
const V11_REST: &str = "ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id \
                        ecs-container-id ecs-second-container-id ecs-service-name ecs-task-definition-arn \
                        ecs-task-arn ecs-task-id reject-reason resource-id encryption-status instance-tag \
                        instance-tag-2 interface-tag interface-tag-2 asg-tag asg-tag-2 interface-type \
                        next-hop-interface-id next-hop-subnet-id next-hop-az-id next-hop-vpc-id \
                        next-hop-interface-type";

/// One record out, one record in: 4,096 and 1,024 bytes.
const OUT: &str = "2 123456789012 eni-0a1b2c3d4e5f60001 10.0.1.5 203.0.113.9 49152 443 6 12 4096 1767600000 \
                   1767600055 ACCEPT OK";
const IN: &str = "2 123456789012 eni-0a1b2c3d4e5f60001 203.0.113.9 10.0.1.5 443 49152 6 8 1024 1767600000 \
                  1767600055 ACCEPT OK";
const NO_DATA: &str = "2 123456789012 eni-0a1b2c3d4e5f60002 - - - - - - - 1767600000 1767600059 - NODATA";
const SKIP_DATA: &str = "2 123456789012 eni-0a1b2c3d4e5f60002 - - - - - - - 1767600060 1767600119 - SKIPDATA";
const V5_REST: &str = "vpc-0a1b2c3d4e5f60001 subnet-0a1b2c3d4e5f60001 i-0a1b2c3d4e5f60001 3 IPv4 10.0.1.5 \
                       203.0.113.9 eu-west-1 euw1-az1 - - - S3 egress 8";
const V6_LINE: &str = "2 123456789012 eni-0a1b2c3d4e5f60001 2001:db8::5 2001:db8:9::1 49153 443 6 5 512 1767600000 \
                       1767600055 REJECT OK vpc-0a1b2c3d4e5f60001 subnet-0a1b2c3d4e5f60001 i-0a1b2c3d4e5f60001 2 \
                       IPv6 2001:db8::5 2001:db8:9::1 eu-west-1 euw1-az1 - - - - egress -";

/// Where the files are kept.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/flowlogs")
}

/// All files: path below `folder()`, and bytes.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = text_files();
    files.extend(gzip_files());
    files.extend(malformed_files());
    files.extend(envelope_files());
    files.extend(parquet_files::files());
    files.extend(fleet::files());
    files
}

type Files = Vec<(String, Vec<u8>)>;

fn named(files: Vec<(&str, String)>) -> Files {
    files.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect()
}

fn text_files() -> Files {
    let v5 = format!("{V5}\n{OUT} {V5_REST}\n{V6_LINE}\n");
    let dashes = ["-"; 24].join(" ");
    named(vec![
        ("v2.log", v2_text()),
        ("v5-custom.log", v5),
        ("v11-all-columns.log", format!("{V5} {V11_REST}\n{OUT} {V5_REST} {dashes} vpc_endpoint\n")),
        ("reordered.log", "end dstaddr bytes interface-id srcaddr\n1767600055 203.0.113.9 4096 eni-0a1b2c3d4e5f60001 10.0.1.5\n".to_owned()),
        ("crlf.log", v2_text().replace('\n', "\r\n")),
        ("bom.log", format!("\u{feff}{}\n\n", v2_text())),
        ("no-header.log", format!("{OUT}\n{IN}\n")),
        ("header-only.log", format!("{V2}\n")),
        ("no-final-newline.log", format!("{V2}\n{OUT}")),
        ("empty.log", String::new()),
        ("nodata-skipdata.log", format!("{V2}\n{NO_DATA}\n{SKIP_DATA}\n{NO_DATA}\n")),
    ])
}

/// A header, two records, one NODATA and one SKIPDATA line.
fn v2_text() -> String {
    format!("{V2}\n{OUT}\n{IN}\n{NO_DATA}\n{SKIP_DATA}\n")
}

fn gzip_files() -> Files {
    let text = v2_text();
    let (front, back) = text.split_at(V2.len() + 1 + OUT.len() / 2);
    let repeated = [gzip(text.as_bytes()), gzip(text.as_bytes())].concat();
    // Stored, not compressed: so where the text ends does not depend on the compressor.
    let mut truncated = gzip_at(Compression::none(), text.as_bytes());
    let footer_bytes = 8;
    truncated.truncate(truncated.len() - footer_bytes - SKIP_DATA.len() / 2);
    vec![
        ("v2.log.gz".to_owned(), gzip(text.as_bytes())),
        ("members-header-repeated.log.gz".to_owned(), repeated),
        (
            "members-split-mid-line.log.gz".to_owned(),
            [gzip(front.as_bytes()), gzip(back.as_bytes())].concat(),
        ),
        ("truncated.log.gz".to_owned(), truncated),
        ("empty-body.log.gz".to_owned(), gzip(b"")),
    ]
}

/// One file for each reason for which a line gives no record; `no_header`, `cut_off` and
/// `bad_envelope` have theirs above and below.
fn malformed_files() -> Files {
    let one = |name: &str, line: &str| (name.to_owned(), format!("{V2}\n{OUT}\n{line}\n{IN}\n").into_bytes());
    let mut files = vec![
        one("bad-too-few-fields.log", OUT.trim_end_matches(" OK")),
        one("bad-too-many-fields.log", &format!("{OUT} extra")),
        one("bad-number.log", &OUT.replace(" 4096 ", " 4k ")),
        one("bad-address.log", &OUT.replace("203.0.113.9", "203.0.113.999")),
        one("bad-word.log", &OUT.replace("ACCEPT", "MAYBE")),
        one("bad-no-interface.log", &OUT.replace("eni-0a1b2c3d4e5f60001", "-")),
        one("bad-no-event-time.log", &OUT.replace("1767600000 1767600055", "- -")),
        one("bad-time-out-of-range.log", &OUT.replace("1767600000 1767600055", "1000 1055")),
        // Bytes no flow log has, and an escape sequence towards whoever prints the line.
        one("bad-control-characters.log", "\u{1b}[2J\0\u{7f} \u{202e}"),
    ];
    let long = format!("{V2}\n{OUT}\n{}\n{IN}\n", "7".repeat(100_000));
    files.push(("bad-line-too-long.log.gz".to_owned(), gzip(long.as_bytes())));
    files
}

fn envelope_files() -> Files {
    let event =
        |id: u32, line: &str| format!(r#"{{"id":"{id}","timestamp":1767600055000,"message":"{line}"}}"#);
    let message = |kind: &str, events: &str| {
        format!(
            r#"{{"messageType":"{kind}","owner":"123456789012","logGroup":"flow-logs","logStream":"eni-0a1b2c3d4e5f60001-all","subscriptionFilters":["all"],"logEvents":[{events}]}}"#
        )
    };
    let data = message("DATA_MESSAGE", &format!("{},{},{}", event(1, OUT), event(2, IN), event(3, NO_DATA)));
    let probe = message(
        "CONTROL_MESSAGE",
        r#"{"id":"","timestamp":1767600055000,"message":"CWL CONTROL MESSAGE: Checking health of destination"}"#,
    );
    let firehose = |line: &str| format!("{{\"message\":\"{line}\"}}\n");
    let mut files = named(vec![
        ("cloudwatch.json", data.clone()),
        ("cloudwatch-control.json", probe.clone()),
        ("firehose.json", format!("{}{}{}", firehose(OUT), firehose(IN), firehose(SKIP_DATA))),
        ("bad-envelope.json", format!("{}{{\"unknown\":1}}\n{{broken\n{}", firehose(OUT), firehose(IN))),
    ]);
    // What a Firehose of CloudWatch Logs leaves in a bucket: members without anything between.
    let members = [gzip(probe.as_bytes()), gzip(data.as_bytes()), gzip(data.as_bytes())].concat();
    files.push(("cloudwatch-members.gz".to_owned(), members));
    files
}

/// One gzip member.
pub fn gzip(text: &[u8]) -> Vec<u8> {
    gzip_at(Compression::best(), text)
}

fn gzip_at(level: Compression, text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}
