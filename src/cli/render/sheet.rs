//! Alerts for spreadsheets.
//!
//! Cells that a spreadsheet would run as a formula are made text by a leading apostrophe (OWASP,
//! "CSV Injection"): what stands in a log is chosen by whoever sends the packets.

use crate::alert::Alert;

const HEADER: [&str; 22] = [
    "id",
    "severity",
    "score_bits",
    "emitted",
    "emitted_reason",
    "emitted_at",
    "account",
    "region",
    "eni",
    "instance",
    "vpc",
    "subnet",
    "peer",
    "destination",
    "protocol",
    "port",
    "first_seen",
    "last_seen",
    "egress_bytes",
    "ingress_bytes",
    "sentence",
    "guardduty",
];

/// The first line of a sheet.
pub(in crate::cli) fn header() -> String {
    row(&HEADER)
}

/// The line of one alert.
pub(in crate::cli) fn line(alert: &Alert) -> String {
    row(&cells(alert).map(|cell| defused(&cell)))
}

/// A line of cells that are harmless.
pub(in crate::cli) fn row(cells: &[impl AsRef<[u8]>]) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let full = "writing to memory does not fail";
    writer.write_record(cells).expect(full);
    String::from_utf8(writer.into_inner().expect(full)).expect("only text was written")
}

fn cells(alert: &Alert) -> [String; HEADER.len()] {
    [
        alert.id.clone(),
        alert.severity.as_str().to_owned(),
        format!("{:.3}", alert.score),
        alert.emitted.to_string(),
        alert.emitted_reason.clone(),
        alert.emitted_at.clone(),
        alert.account.clone(),
        alert.region.clone(),
        alert.enis.join(" "),
        alert.instance.clone(),
        alert.vpc.clone(),
        alert.subnet.clone(),
        alert.peer.clone(),
        alert.destination.clone(),
        alert.protocol.to_string(),
        alert.port.to_string(),
        alert.first_seen.clone(),
        alert.last_seen.clone(),
        alert.egress_bytes.to_string(),
        alert.ingress_bytes.to_string(),
        alert.sentence.clone(),
        alert.guardduty.status.clone(),
    ]
}

/// The cell as text, whatever it begins with. Other control characters are shown as escapes.
pub(in crate::cli) fn defused(cell: &str) -> String {
    let is_formula = |part: &str| part.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let is_dangerous = is_formula(cell) || cell.starts_with(['\t', '\r', '\n']);
    let mut text = String::from(if is_dangerous { "'" } else { "" });
    // Where numbers have a comma, semicolons are what spreadsheets part cells at, within quotes too.
    for (at, part) in cell.split(';').enumerate() {
        text.push_str(match at {
            0 => "",
            _ if is_formula(part.trim_start()) => ";'",
            _ => ";",
        });
        text.push_str(&crate::cli::text::safe(part));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::alert;
    use super::*;
    use crate::alert::Severity;

    #[test]
    fn formulas_become_text() {
        for cell in ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"] {
            assert!(defused(cell).starts_with('\''), "{cell:?}");
        }
        assert_eq!(defused("203.0.113.9"), "203.0.113.9");
        assert_eq!(defused("a; b;=1+1; @x"), "a; b;'=1+1;' @x");
    }

    #[test]
    fn the_sheet_reads_back_with_quotes_and_commas() {
        let mut hostile = alert("abc", Severity::High, true);
        hostile.enis = vec!["=cmd|' /C calc'!A0".into()];
        hostile.sentence = "a, \"b\"\nc".into();
        let text = header() + &line(&hostile);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap().len(), HEADER.len());
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!(&row[8], "'=cmd|' /C calc'!A0");
        assert_eq!(&row[20], "a, \"b\"\\u{a}c");
    }
}
