//! `outflow scan --retrospective`: the order of reading for logs that have no past.

use std::fmt::Write as _;

use super::args::{Format, ScanArgs};
use super::progress::{self, Meter};
use super::render::{WIDTH, csv_row, defused, service};
use super::summary::{kept_days, seen_only};
use super::term::{BOLD, DIM, Output, Term};
use super::text::{bytes, fit, plural, safe, wrap};
use super::when::minute_of;
use crate::config::Config;
use crate::error::Error;
use crate::retrospective::Ranked;
use crate::scan::{ObjectRef, ScanOptions, Seen, scan_retrospective};
use crate::source::Pruned;

/// Columns before the second and further lines of a destination.
const INDENT: usize = 6;
/// Clues that a table shows.
const CLUES_SHOWN: usize = 3;
/// Said with every ranking.
const NO_CLAIM: &str = "An order of reading, not alerts: everything is compared with the rest of the same period, so \
                        bits here are no probability, and every interface has a first place.";

const HEADER: [&str; 21] = [
    "rank",
    "of",
    "score_bits",
    "account",
    "region",
    "eni",
    "instance",
    "vpc",
    "subnet",
    "peer",
    "destination",
    "service",
    "protocol",
    "port",
    "first_seen",
    "last_seen",
    "egress_bytes",
    "ingress_bytes",
    "clues",
    "doubts",
    "sentence",
];

/// Ranks, prints, and gives what was seen.
pub(super) fn run(
    args: &ScanArgs,
    objects: Vec<ObjectRef>,
    pruned: Pruned,
    config: &Config,
    options: &ScanOptions,
    term: Term,
) -> Result<Seen, Error> {
    let render = rendering(args.output.format)?;
    let mut output = Output::open(args.output.out.as_deref(), args.output.force, term)?;
    progress::catch_interrupts();
    let meter = Meter::new(term, objects.len() as u64, objects.iter().map(|object| object.bytes).sum());
    let start = progress::now();
    let scanned = scan_retrospective(objects, config, options, &meter);
    meter.finish();
    let (mut report, survey) = scanned?;
    report.seen.objects_of_other_time = pruned.objects;
    let took = progress::now().duration_since(start);
    let left_out = survey.left_out();
    let ranked = survey.rank(usize::from(args.per_eni));
    output.write(&render(&ranked))?;
    output.end(report.seen.stopped, term)?;
    term.say(&(seen_only(&report.seen, took, term.verbose) + &kept_days(&report.kept_days)));
    let number = plural(ranked.len() as u64, "destination");
    let mut words = format!("{number} ranked. {NO_CLAIM}");
    if left_out > 0 {
        let hours = plural(left_out, "destination-hour");
        let _ = write!(words, " {hours} left out: more destinations than an interface can be asked about.");
    }
    term.say(&wrap(&words, WIDTH, 2));
    Ok(report.seen)
}

/// How rows are printed. They are an order of reading, not findings: standards for those do not fit.
fn rendering(format: Format) -> Result<fn(&[Ranked]) -> String, Error> {
    match format {
        Format::Jsonl => Ok(|ranked| ranked.iter().map(json_line).collect()),
        Format::Csv => Ok(sheet),
        Format::Table => Ok(table),
        Format::Ocsf | Format::Asff => Err(Error::usage(
            "--retrospective ranks destinations, and OCSF and ASFF are for alerts",
            "use --format jsonl",
        )),
    }
}

fn sheet(ranked: &[Ranked]) -> String {
    let lines = ranked.iter().map(|r| csv_row(&cells(r).map(|text| defused(&text))));
    std::iter::once(csv_row(&HEADER)).chain(lines).collect()
}

fn json_line(ranked: &Ranked) -> String {
    serde_json::to_string(ranked).expect("a row has only text keys and finite numbers") + "\n"
}

fn cells(ranked: &Ranked) -> [String; HEADER.len()] {
    let clues: Vec<String> =
        ranked.clues.iter().map(|clue| format!("{}:{:.1}", clue.id, clue.bits)).collect();
    [
        ranked.rank.to_string(),
        ranked.of.to_string(),
        format!("{:.3}", ranked.score),
        ranked.account.clone(),
        ranked.region.clone(),
        ranked.eni.clone(),
        ranked.instance.clone(),
        ranked.vpc.clone(),
        ranked.subnet.clone(),
        ranked.peer.clone(),
        ranked.destination.clone(),
        ranked.service.clone(),
        ranked.protocol.to_string(),
        ranked.port.to_string(),
        ranked.first_seen.clone(),
        ranked.last_seen.clone(),
        ranked.egress_bytes.to_string(),
        ranked.ingress_bytes.to_string(),
        clues.join(" "),
        ranked.doubts.join("; "),
        ranked.sentence.clone(),
    ]
}

/// A block for each ENI, its destinations in order.
fn table(ranked: &[Ranked]) -> String {
    let mut out = String::new();
    let mut eni = None;
    for row in ranked {
        let at = (&row.account, &row.region, &row.eni);
        if eni != Some(at) {
            let gap = if eni.is_some() { "\n" } else { "" };
            let head = format!(
                "{} {} {}: {}, {} observed",
                safe(&row.eni),
                safe(&row.account),
                safe(&row.region),
                plural(u64::from(row.of), "destination"),
                plural(u64::from(row.observed_hours), "hour"),
            );
            let _ = writeln!(out, "{gap}{BOLD}{}{BOLD:#}", fit(&head, WIDTH));
            eni = Some(at);
        }
        block(&mut out, row);
    }
    out
}

fn block(out: &mut String, row: &Ranked) {
    let _ = writeln!(
        out,
        "{:>4}. {:<39} {:>9} sent {:>9} got {:>4.0}",
        row.rank,
        fit(&safe(&row.peer), 39),
        bytes(row.egress_bytes),
        bytes(row.ingress_bytes),
        row.score
    );
    let place = format!(
        "{}; {}, {} to {}, {}",
        safe(&row.destination),
        service(row.port, row.protocol),
        minute_of(&safe(&row.first_seen)),
        minute_of(&safe(&row.last_seen)),
        plural(u64::from(row.hours), "hour"),
    );
    let _ = writeln!(out, "{DIM}{}{DIM:#}", wrap(&place, WIDTH, INDENT));
    for clue in row.clues.iter().take(CLUES_SHOWN) {
        let text = format!("{} {:.1} bits: {}", safe(&clue.id), clue.bits, safe(&clue.text));
        let _ = writeln!(out, "{}", wrap(&text, WIDTH, INDENT));
    }
    for doubt in &row.doubts {
        let _ = writeln!(out, "{}", wrap(&format!("but {}", safe(doubt)), WIDTH, INDENT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrospective::{Clue, PeerBytes, SCHEMA};

    fn row() -> Ranked {
        Ranked {
            schema: SCHEMA.into(),
            rank: 1,
            of: 41,
            score: 14.25,
            account: "111111111111".into(),
            region: "eu-west-1".into(),
            eni: "eni-0123456789abcdef0".into(),
            instance: String::new(),
            vpc: String::new(),
            subnet: String::new(),
            peer: "203.0.113.9".into(),
            destination: "203.0.113.0/24".into(),
            service: String::new(),
            protocol: 6,
            port: 6667,
            first_seen: "2026-03-01T10:02:00Z".into(),
            last_seen: "2026-03-01T14:44:00Z".into(),
            egress_bytes: 1_500_000,
            ingress_bytes: 900_000,
            app_bytes: 1_200_000,
            egress_packets: 9_000,
            hours: 5,
            clues: vec![Clue {
                id: "D8".into(),
                bits: 5.4,
                observed: 1.0,
                expected: 0.0,
                unit: "destinations".into(),
                n: 41,
                text: "1 of 41 destinations are reached on this port".into(),
            }],
            doubts: vec!["nothing says that this interface opened it".into()],
            peers: vec![PeerBytes {
                peer: "203.0.113.9".into(),
                protocol: 6,
                port: 6667,
                egress_bytes: 1_500_000,
                ingress_bytes: 900_000,
            }],
            peers_more: 0,
            observed_hours: 24,
            seen_share: 1.0,
            sentence: "eni-0123456789abcdef0 sent 1.43 MiB".into(),
        }
    }

    #[test]
    fn a_table_reads_well() {
        let mut hostile = row();
        hostile.rank = 2;
        hostile.peer = format!("\x1b[2J{}", "w".repeat(90));
        let text = anstream::adapter::strip_str(&table(&[row(), hostile])).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(!text.contains('\x1b'));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "eni-0123456789abcdef0 111111111111 eu-west-1: 41 destinations, 24 hours observed"
        );
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>().join(" "),
            "1. 203.0.113.9 1.43 MiB sent 879 KiB got 14"
        );
        assert!(lines[4].ends_with("D8 5.4 bits: 1 of 41 destinations are reached on this port"), "{text}");
        assert!(lines[5].ends_with("but nothing says that this interface opened it"), "{text}");
    }

    #[test]
    fn jsonl_reads_back_and_the_sheet_defuses_formulas() {
        let mut hostile = row();
        hostile.destination = "=cmd|' /C calc'!A0".into();
        let line = json_line(&hostile);
        assert_eq!(serde_json::from_str::<Ranked>(&line).unwrap(), hostile);
        let sheet = sheet(&[hostile]);
        let mut reader = ::csv::Reader::from_reader(sheet.as_bytes());
        assert_eq!(reader.headers().unwrap().len(), HEADER.len());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(&record[10], "'=cmd|' /C calc'!A0");
        assert_eq!(&record[18], "D8:5.4");
    }
}
