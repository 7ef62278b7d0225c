//! Alerts for people: one line of numbers, one of names, the sentence; 80 columns.

use std::fmt::Write as _;

use super::{WIDTH, service};
use crate::alert::Alert;
use crate::cli::term::{BOLD, DIM, severity_style};
use crate::cli::text::{bytes, fit, safe, wrap};
use crate::cli::when::minute_of;

/// Columns before the second and third line.
const INDENT: usize = 9;

pub(super) fn table(alerts: &[&Alert]) -> String {
    if alerts.is_empty() {
        return String::new();
    }
    let mut out = String::new();
    let head = row("SEVERITY", "WHEN (UTC)", "FROM", "TO", "SENT", "BITS");
    let _ = writeln!(out, "{BOLD}{head}{BOLD:#}");
    for alert in alerts {
        block(&mut out, alert);
    }
    out
}

/// Eighty columns in all.
fn row(severity: &str, when: &str, from: &str, to: &str, sent: &str, bits: &str) -> String {
    format!("{severity:<8} {when:<16}  {from:<21}  {to:<15} {sent:>8} {bits:>4}").trim_end().to_owned()
}

fn block(out: &mut String, alert: &Alert) {
    let color = severity_style(alert.severity);
    let from = if alert.enis.len() > 1 { format!("{} ENIs", alert.enis.len()) } else { safe(&alert.eni) };
    let line = row(
        "",
        &minute_of(&safe(&alert.window_start)),
        &fit(&from, 21),
        &fit(&safe(&alert.peer), 15),
        &bytes(alert.egress_bytes),
        &format!("{:.0}", alert.score),
    );
    let word = alert.severity.as_str();
    let _ = writeln!(out, "{color}{word:<8}{color:#}{}", &line[8..]);
    let _ = writeln!(out, "{}", wrap(&safe(&alert.sentence), WIDTH, INDENT));
    let told = if alert.emitted { "told" } else { "kept back" };
    let place = format!(
        "{} {}; {told} ({}); id {}",
        safe(&alert.peer),
        service(alert.port, alert.protocol),
        safe(&alert.emitted_reason),
        safe(&alert.id),
    );
    let _ = writeln!(out, "{DIM}{}{DIM:#}", wrap(&place, WIDTH, INDENT));
}

#[cfg(test)]
mod tests {
    use super::super::tests::alert;
    use super::*;
    use crate::alert::Severity;

    #[test]
    fn a_block_reads_well() {
        let alert = alert("9f2c41d0aa", Severity::High, true);
        let text = anstream::adapter::strip_str(&table(&[&alert])).to_string();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn hostile_text_never_widens_or_drives_the_terminal() {
        let mut alert = alert("9f2c41d0aa", Severity::Critical, false);
        alert.eni = format!("eni\x1b]0;owned\x07{}", "z".repeat(300));
        alert.peer = "2001:db8:1111:2222:3333:4444:5555:6666".into();
        alert.sentence = format!("\x1b[2J{}", "w".repeat(500));
        let text = anstream::adapter::strip_str(&table(&[&alert])).to_string();
        assert!(!text.contains(['\x1b', '\x07']), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.contains("2001:db8:1111:2222:3333:4444:5555:6666"), "the address stands in full");
    }

    #[test]
    fn no_alerts_print_nothing() {
        assert_eq!(table(&[]), "");
    }
}
