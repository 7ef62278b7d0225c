//! Alerts for people: one line of numbers, one of names, the sentence; 80 columns.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::{WIDTH, service};
use crate::alert::{Alert, Severity};
use crate::cli::term::{BOLD, DIM, severity_style};
use crate::cli::text::{bytes, fit, safe, wrap};
use crate::cli::when::minute_of;

/// Columns before the second and third line.
const INDENT: usize = 9;

/// The line above the first block.
pub(in crate::cli) fn head() -> String {
    format!("{BOLD}{}{BOLD:#}\n", row("SEVERITY", "WHEN (UTC)", "FROM", "TO", "SENT", "BITS"))
}

/// The lines of one alert, and what its place in the table depends on: a table of thousands need
/// not keep the alerts themselves.
pub(in crate::cli) struct Block {
    told: bool,
    severity: Severity,
    score: f64,
    id: String,
    /// Its lines, coloured.
    pub(in crate::cli) text: String,
}

impl Block {
    pub(in crate::cli) fn new(alert: &Alert) -> Self {
        let Weight { told, severity, score, id } = Weight::of(alert);
        let mut text = String::new();
        block(&mut text, alert);
        text.shrink_to_fit();
        Self { told, severity, score, id: id.to_owned(), text }
    }

    pub(in crate::cli) fn weight(&self) -> Weight<'_> {
        Weight { told: self.told, severity: self.severity, score: self.score, id: &self.id }
    }
}

/// What an alert's place among others depends on.
pub(in crate::cli) struct Weight<'a> {
    told: bool,
    severity: Severity,
    score: f64,
    id: &'a str,
}

impl<'a> Weight<'a> {
    pub(in crate::cli) fn of(alert: &'a Alert) -> Self {
        Self { told: alert.emitted, severity: alert.severity, score: alert.score, id: &alert.id }
    }

    /// The order in which people read: told before kept back, then by severity, score and id.
    pub(in crate::cli) fn reading_order(&self, other: &Self) -> Ordering {
        (other.told, other.severity)
            .cmp(&(self.told, self.severity))
            .then(other.score.total_cmp(&self.score))
            .then_with(|| self.id.cmp(other.id))
    }
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
        let text = anstream::adapter::strip_str(&(head() + &Block::new(&alert).text)).to_string();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn hostile_text_never_widens_or_drives_the_terminal() {
        let mut alert = alert("9f2c41d0aa", Severity::Critical, false);
        alert.eni = format!("eni\x1b]0;owned\x07{}", "z".repeat(300));
        alert.peer = "2001:db8:1111:2222:3333:4444:5555:6666".into();
        alert.sentence = format!("\x1b[2J{}", "w".repeat(500));
        let text = anstream::adapter::strip_str(&(head() + &Block::new(&alert).text)).to_string();
        assert!(!text.contains(['\x1b', '\x07']), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.contains("2001:db8:1111:2222:3333:4444:5555:6666"), "the address stands in full");
    }

    #[test]
    fn people_read_what_was_told_first_and_then_the_worst() {
        let mut stronger = alert("d", Severity::High, true);
        stronger.score = 50.0;
        let alerts = [
            alert("a", Severity::Critical, false),
            alert("c", Severity::High, true),
            alert("b", Severity::High, true),
            stronger,
            alert("e", Severity::Critical, true),
        ];
        let mut blocks: Vec<Block> = alerts.iter().map(Block::new).collect();
        blocks.sort_by(|a, b| a.weight().reading_order(&b.weight()));
        assert_eq!(blocks.iter().map(|block| block.id.as_str()).collect::<String>(), "edbca");
    }
}
