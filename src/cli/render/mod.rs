//! Alerts as a table for people, JSON lines for machines, CSV for spreadsheets.

mod evidence;
mod sheet;
mod table;

pub(super) use evidence::evidence;
pub(super) use sheet::{defused, header, line as csv_line, row as csv_row};
pub(super) use table::{Block, Weight, head};

use crate::alert::Alert;

/// Columns of everything printed for people.
pub(super) const WIDTH: usize = 80;

/// One alert as JSON, a line. JSON escapes control characters, so the line stays one.
pub(super) fn json_line(alert: &Alert) -> String {
    let mut line = serde_json::to_string(alert).expect("an alert has only text keys and finite numbers");
    line.push('\n');
    line
}

/// `tcp`, `udp`, `icmp` or the IANA number.
fn protocol(number: u8) -> String {
    match number {
        1 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        47 => "gre".to_owned(),
        58 => "icmpv6".to_owned(),
        number => format!("protocol {number}"),
    }
}

/// `port 443/tcp`, or just the protocol where there are no ports.
pub(super) fn service(port: u16, number: u8) -> String {
    match number {
        6 | 17 => format!("port {port}/{}", protocol(number)),
        _ => protocol(number),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::alert::Severity;

    /// An alert with every part filled.
    pub(in crate::cli) fn alert(id: &str, severity: Severity, emitted: bool) -> Alert {
        Alert {
            id: id.into(),
            severity,
            emitted,
            emitted_reason: if emitted { "budget" } else { "below_threshold" }.into(),
            ..crate::alert::render::tests::alert()
        }
    }

    #[test]
    fn jsonl_is_one_line_each_and_reads_back() {
        let mut first = alert("abc", Severity::High, true);
        first.sentence = "line\nbreak \x1b[31m".into();
        let second = alert("def", Severity::Low, false);
        let text = json_line(&first) + &json_line(&second);
        let back: Vec<Alert> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(back, [first, second]);
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn services_are_named() {
        assert_eq!(service(443, 6), "port 443/tcp");
        assert_eq!(service(0, 1), "icmp");
        assert_eq!(service(0, 99), "protocol 99");
    }
}
