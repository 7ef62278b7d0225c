//! What to do now, with what to paste. Ids and addresses come from logs, and what is pasted into
//! a shell runs: everything is quoted, and what could still break out of quotes is not offered.

use super::incident::key_of;
use super::model::Step;
use super::words::{date, human_bytes, second, service};
use crate::alert::Alert;

/// Days that a suppression lasts: a third of what is allowed makes somebody look again within the
/// month.
const SUPPRESS_DAYS: u32 = 30;
/// Room above what was seen that a suppression leaves, as a factor.
const SUPPRESS_ROOM: f64 = 1.25;

/// What to do now, in order.
pub(super) fn steps(alert: &Alert) -> Vec<Step> {
    let mut steps = vec![
        Step {
            text: "Find the owner: what runs behind this interface, and who runs it.".to_owned(),
            command: aws(alert, "ec2 describe-network-interfaces --network-interface-ids")
                .unwrap_or_default(),
        },
        Step { text: ask(alert), command: String::new() },
        Step {
            text: contain(alert).to_owned(),
            command: aws(
                alert,
                "ec2 modify-network-interface-attribute --groups QUARANTINE_GROUP --network-interface-id",
            )
            .unwrap_or_default(),
        },
    ];
    let (text, command) = match suppression(alert) {
        Some(line) => (
            format!(
                "If it is expected: suppress it, for a time, below a cap of {} a day.",
                human_bytes(cap_bytes(alert) as f64)
            ),
            line,
        ),
        None if alert.destination == "*" => (
            "If it is expected: name the destinations as prefixes in the configuration; \
             a suppression for every destination would hide the next leak."
                .to_owned(),
            String::new(),
        ),
        None => (
            "Its ids hold characters that do not belong into a shell: treat the log itself as suspect."
                .to_owned(),
            String::new(),
        ),
    };
    steps.push(Step { text, command });
    steps
}

/// What to ask, by what it looks like.
fn ask(alert: &Alert) -> String {
    let peer = &alert.peer;
    if alert.role == "served" {
        return super::words::shown(&format!(
            "Ask the service's own log what {peer} fetched from port {}, and whether that client should get so much.",
            alert.port
        ));
    }
    let question = match (alert.service.as_str(), alert.port, alert.protocol) {
        ("S3", ..) => {
            "Find the bucket: CloudTrail data events or the S3 endpoint's log tell whether it is yours. \
             A bucket of somebody else looks the same in flow logs."
                .to_owned()
        }
        (_, 53 | 853, _) => format!(
            "Find the process that asks {peer} for names: hosts should ask the VPC's resolver. Bulk to a name server is a tunnel until explained."
        ),
        (_, _, 1 | 58) => format!(
            "Find the process that pings {peer} with data: ICMP that carries megabytes is a tunnel until explained."
        ),
        (_, 22, 6) => format!("Find the session: who copied to {peer} over SSH, and was it asked for."),
        _ => format!(
            "Find out who {peer} is and which process talks to it ({}): a partner, a vendor, or nobody you know.",
            service(alert.port, alert.protocol)
        ),
    };
    super::words::shown(&question)
}

fn contain(alert: &Alert) -> &'static str {
    if alert.guardduty.status == "agrees" || alert.severity >= crate::alert::Severity::High {
        "If nobody can explain it within the hour: cut the interface off, keep disk and memory before \
         anything is stopped, and revoke the credentials of its role."
    } else {
        "If nobody can explain it: cut the interface off, keep disk and memory before anything is stopped."
    }
}

fn aws(alert: &Alert, verb: &str) -> Option<String> {
    // What is no interface id (a transit gateway's attachment, a NAT gateway) has other commands.
    if !alert.eni.starts_with("eni-") {
        return None;
    }
    Some(format!("aws {verb} {} --region {}", shell(&alert.eni)?, shell(&alert.region)?))
}

/// The suppression to paste; `None` where one would be too wide or unsafe.
fn suppression(alert: &Alert) -> Option<String> {
    if alert.destination == "*" || alert.destination.is_empty() {
        return None;
    }
    Some(format!(
        "outflow suppress add suppressions.toml --eni {} --destination {} --port {} --max-bytes-per-day {} \
         --owner OWNER --ticket TICKET --reason 'WHY IT IS EXPECTED' --days {SUPPRESS_DAYS}",
        shell(&alert.eni)?,
        shell(key_of(alert))?,
        alert.port,
        cap_bytes(alert),
    ))
}

/// A little above what was seen, in whole MiB.
fn cap_bytes(alert: &Alert) -> u64 {
    const MIB: u64 = 1 << 20;
    let roomy = (alert.egress_bytes as f64 * SUPPRESS_ROOM) as u64;
    roomy.div_ceil(MIB).max(1).saturating_mul(MIB)
}

/// The rows behind it, for Athena and DuckDB.
pub(super) fn queries(alert: &Alert) -> Vec<Step> {
    let duckdb = Step { text: "DuckDB, in the lake's directory".to_owned(), command: clean(&alert.query) };
    let athena = Step { text: "Athena".to_owned(), command: clean(&athena(alert)) };
    [athena, duckdb].into_iter().filter(|query| !query.command.is_empty()).collect()
}

fn athena(alert: &Alert) -> String {
    let (first, last) = (second(&alert.window_start), second(&alert.last_seen));
    let hour = |second: i64| super::words::minute(second.div_euclid(3600) * 3600) + ":00";
    let role = if alert.role == "served" { "role = 'served'" } else { "role <> 'served'" };
    format!(
        "SELECT * FROM hourly WHERE account = {} AND region = {} AND \"date\" BETWEEN '{}' AND '{}' AND eni = {} \
         AND {role} AND hour BETWEEN TIMESTAMP '{}' AND TIMESTAMP '{}' ORDER BY egress_bytes DESC",
        literal(&alert.account),
        literal(&alert.region),
        date(first),
        date(last),
        literal(&alert.eni),
        hour(first),
        hour(last),
    )
}

/// A SQL string literal: log content must not end it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A query that can be pasted as it is; nothing when it holds what a terminal would act on.
fn clean(query: &str) -> String {
    if is_plain(query) { query.to_owned() } else { String::new() }
}

/// A word of a shell's command line; `None` for what even quotes do not tame: control characters
/// act on the terminal it is pasted into, and what hides or reorders text hides what is pasted.
fn shell(text: &str) -> Option<String> {
    if !is_plain(text) || text.is_empty() {
        return None;
    }
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if text.chars().all(is_bare) && !text.starts_with('-') {
        return Some(text.to_owned());
    }
    Some(format!("'{}'", text.replace('\'', "'\\''")))
}

fn is_plain(text: &str) -> bool {
    super::words::shown(text) == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_shell_stay_words() {
        assert_eq!(shell("eni-0a").as_deref(), Some("eni-0a"));
        assert_eq!(shell("203.0.113.0/24").as_deref(), Some("203.0.113.0/24"));
        assert_eq!(shell("eni-0; rm -rf ~").as_deref(), Some("'eni-0; rm -rf ~'"));
        assert_eq!(shell("a'b").as_deref(), Some("'a'\\''b'"));
        assert_eq!(shell("--help").as_deref(), Some("'--help'"));
        for bad in ["", "a\nb", "a\x1b[201~b", "a\u{202e}b"] {
            assert_eq!(shell(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn literals_of_a_query_stay_literals() {
        assert_eq!(literal("x' OR '1'='1"), "'x'' OR ''1''=''1'");
        assert_eq!(clean("SELECT 1\n"), "");
    }
}
