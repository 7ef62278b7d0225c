//! Lays what was found beside what was hidden: the demo's answer sheet.

use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

use super::render::WIDTH;
use super::text::{bytes, plural};
use crate::alert::Alert;
use crate::eval::{Case, Kind, Listed};

/// One hidden attack and the strongest incident about it.
struct Answer<'a> {
    case: &'a Case,
    /// Rank among the incidents told, from 1, and the incident.
    told: Option<(usize, &'a Alert)>,
    /// The strongest incident that was kept back, when none was told.
    kept_back: Option<&'a Alert>,
}

/// The answer sheet. `alerts` in the order shown to people: its place is its rank. What is about an
/// attack is decided as `outflow eval` decides it.
pub(super) fn answers(cases: &[Case], alerts: &[Alert]) -> String {
    let listed: Vec<Listed> = alerts.iter().map(Listed::from).collect();
    let shown: Vec<(&Alert, &Listed)> = alerts.iter().zip(&listed).collect();
    let (told, kept_back): (Vec<_>, Vec<_>) = shown.into_iter().partition(|(alert, _)| alert.emitted);
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH as u16);
    table.force_no_tty().set_header(["HIDDEN ATTACK", "SENT", "FOUND", "SEVERITY", "AFTER"]);
    let mut attacks: Vec<&Case> = cases.iter().filter(|case| case.kind == Kind::Attack).collect();
    attacks.sort_by_key(|case| (case.start_second, &case.id));
    let (mut found, mut visible) = (0_u64, 0_u64);
    for case in &attacks {
        let about = |(_, listed): &(&Alert, &Listed)| case.is_hit_by(listed);
        let rank = told.iter().position(about);
        let answer = Answer {
            case,
            told: rank.map(|rank| (rank + 1, told[rank].0)),
            kept_back: kept_back.iter().find(|one| about(one)).map(|(alert, _)| *alert),
        };
        found += u64::from(answer.told.is_some());
        visible += u64::from(case.is_visible);
        table.add_row(row(&answer));
    }
    let mut out = format!("{}\n", table.trim_fmt());
    let _ = writeln!(
        out,
        "\n{found} of {} found ({visible} leave a trace in flow logs)",
        plural(attacks.len() as u64, "hidden attack")
    );
    out += &others(cases, told.iter().map(|(_, listed)| *listed));
    out
}

fn row(answer: &Answer<'_>) -> [String; 5] {
    let case = answer.case;
    let name = format!("{}: {}", case.family, case.variant);
    let blank = String::new;
    let (found, severity, after) = match (answer.told, answer.kept_back) {
        (Some((rank, alert)), _) => {
            let after = second(&alert.emitted_at).map_or_else(blank, |at| duration(at - case.start_second));
            (format!("yes, no. {rank}"), alert.severity.as_str().to_owned(), after)
        }
        (None, Some(alert)) => (format!("kept back: {}", alert.emitted_reason), blank(), blank()),
        (None, None) if !case.is_visible => ("no: flow logs cannot show it".to_owned(), blank(), blank()),
        (None, None) => ("no".to_owned(), blank(), blank()),
    };
    [name, bytes(case.egress_bytes), found, severity, after]
}

/// What the incidents that are about no attack are about.
fn others<'a>(cases: &[Case], told: impl Iterator<Item = &'a Listed>) -> String {
    let (mut rest, mut look_alikes) = (0_u64, 0_u64);
    for listed in told {
        let kinds: Vec<Kind> = cases.iter().filter(|case| case.is_hit_by(listed)).map(|c| c.kind).collect();
        if kinds.iter().all(|kind| *kind == Kind::LookAlike) {
            rest += 1;
            look_alikes += u64::from(!kinds.is_empty());
        }
    }
    format!(
        "{} about no attack {} told: {look_alikes} from look-alikes, {} from ordinary traffic\n",
        plural(rest, "incident"),
        if rest == 1 { "was" } else { "were" },
        rest - look_alikes
    )
}

fn second(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

/// `42 min`, `3.5 h`, `2.1 d`.
fn duration(seconds: i64) -> String {
    match seconds.max(0) {
        s if s < 5400 => format!("{} min", s / 60),
        s if s < 172_800 => format!("{:.1} h", s as f64 / 3600.0),
        s => format!("{:.1} d", s as f64 / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::render::tests::alert;
    use super::*;
    use crate::alert::Severity;
    use crate::eval::read_labels;

    fn cases(peers: &[(&str, bool)]) -> Vec<Case> {
        let mut text =
            "id,kind,family,variant,account,region,eni,peers,start,end,egress_bytes,visible,note\n"
                .to_owned();
        for (n, (peer, visible)) in peers.iter().enumerate() {
            let _ = writeln!(
                text,
                "burst-{n},attack,burst,new network,111111111111,eu-west-1,eni-0123456789abcdef0,{peer},\
                 2026-03-01T10:02:00Z,2026-03-01T10:44:00Z,1300000000,{visible},"
            );
        }
        read_labels(text.as_bytes()).unwrap()
    }

    #[test]
    fn found_missed_and_kept_back_are_told_apart() {
        let told = alert("a", Severity::High, true);
        let mut quiet = alert("b", Severity::Low, false);
        let mut stray = alert("c", Severity::Low, true);
        quiet.peer = "198.51.100.7".into();
        stray.peer = "192.0.2.77".into();
        for other in [&mut quiet, &mut stray] {
            other.destinations.clear();
        }
        let cases = cases(&[
            ("203.0.113.0/24", true),
            ("198.51.100.7", true),
            ("192.0.2.1", true),
            ("192.0.2.200", false),
        ]);
        let text = answers(&cases, &[stray, told, quiet]);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn another_eni_or_another_day_is_another_matter() {
        let told = alert("a", Severity::High, true);
        let case = &cases(&[("203.0.113.9", true)])[0];
        assert!(case.is_hit_by(&Listed::from(&told)));
        let mut other = told.clone();
        other.eni = "eni-1".into();
        assert!(!case.is_hit_by(&Listed::from(&other)));
        let mut other = told;
        (other.first_seen, other.last_seen) = ("2026-03-02T10:10:00Z".into(), "2026-03-02T10:50:00Z".into());
        assert!(!case.is_hit_by(&Listed::from(&other)));
    }
}
