//! Lays what was found beside what was hidden: the demo's answer sheet.

use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

use super::render::WIDTH;
use super::text::{bytes, plural};
use crate::alert::Alert;
use crate::net::Prefix;
use crate::simulate::{Label, LabelKind};

/// How far around a label's time an incident may lie and still be about it, seconds: incidents
/// are told by the hour.
const SLACK_SECONDS: i64 = 3600;

/// One hidden attack: all labels with its id, and the strongest incident about it.
struct Answer<'a> {
    labels: Vec<&'a Label>,
    /// Rank among the incidents told, from 1, and the incident.
    told: Option<(usize, &'a Alert)>,
    /// The strongest incident that was kept back, when none was told.
    kept_back: Option<&'a Alert>,
}

/// The answer sheet. `alerts` in the order shown to people: its place is its rank.
pub(super) fn answers(labels: &[Label], alerts: &[&Alert]) -> String {
    let told: Vec<&Alert> = alerts.iter().copied().filter(|alert| alert.emitted).collect();
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH as u16);
    table.force_no_tty().set_header(["HIDDEN ATTACK", "SENT", "FOUND", "SEVERITY", "AFTER"]);
    let attacks = attacks(labels, alerts, &told);
    let (mut found, mut visible) = (0_u64, 0_u64);
    for attack in &attacks {
        found += u64::from(attack.told.is_some());
        visible += u64::from(attack.labels.iter().any(|label| label.visible));
        table.add_row(row(attack));
    }
    let mut out = format!("{}\n", table.trim_fmt());
    let _ = writeln!(
        out,
        "\n{found} of {} found ({visible} leave a trace in flow logs)",
        plural(attacks.len() as u64, "hidden attack")
    );
    out += &others(labels, &told);
    out
}

fn attacks<'a>(labels: &'a [Label], alerts: &[&'a Alert], told: &[&'a Alert]) -> Vec<Answer<'a>> {
    let mut answers: Vec<Answer<'a>> = Vec::new();
    for label in labels.iter().filter(|label| label.kind == LabelKind::Attack) {
        match answers.iter_mut().find(|answer| answer.labels[0].id == label.id) {
            Some(answer) => answer.labels.push(label),
            None => answers.push(Answer { labels: vec![label], told: None, kept_back: None }),
        }
    }
    for answer in &mut answers {
        let about = |alert: &Alert| answer.labels.iter().any(|label| is_about(alert, label));
        let rank = told.iter().position(|alert| about(alert));
        answer.told = rank.map(|rank| (rank + 1, told[rank]));
        answer.kept_back = alerts.iter().copied().find(|alert| !alert.emitted && about(alert));
    }
    answers
}

fn row(answer: &Answer<'_>) -> [String; 5] {
    let first = answer.labels[0];
    let name = format!("{}: {}", first.family, first.variant);
    let sent: u64 = answer.labels.iter().filter_map(|label| label.egress_bytes).sum();
    let blank = String::new;
    let (found, severity, after) = match (answer.told, answer.kept_back) {
        (Some((rank, alert)), _) => {
            let start = answer.labels.iter().map(|label| label.start_second).min().unwrap_or_default();
            let after = second(&alert.emitted_at).map_or_else(blank, |at| duration(at - start));
            (format!("yes, no. {rank}"), alert.severity.as_str().to_owned(), after)
        }
        (None, Some(alert)) => (format!("kept back: {}", alert.emitted_reason), blank(), blank()),
        (None, None) if answer.labels.iter().all(|label| !label.visible) => {
            ("no: flow logs cannot show it".to_owned(), blank(), blank())
        }
        (None, None) => ("no".to_owned(), blank(), blank()),
    };
    [name, bytes(sent), found, severity, after]
}

/// What the incidents that are about no attack are about.
fn others(labels: &[Label], told: &[&Alert]) -> String {
    let about = |alert: &Alert, kinds: &[LabelKind]| {
        labels.iter().any(|label| kinds.contains(&label.kind) && is_about(alert, label))
    };
    let attack = [LabelKind::Attack, LabelKind::RelayCopy];
    let rest: Vec<_> = told.iter().filter(|alert| !about(alert, &attack)).collect();
    let look_alikes = rest.iter().filter(|alert| about(alert, &[LabelKind::LookAlike])).count();
    format!(
        "{} about no attack {} told: {look_alikes} from look-alikes, {} from ordinary traffic\n",
        plural(rest.len() as u64, "incident"),
        if rest.len() == 1 { "was" } else { "were" },
        rest.len() - look_alikes
    )
}

/// Same ENI, overlapping time, overlapping destination.
fn is_about(alert: &Alert, label: &Label) -> bool {
    let same_eni = alert.eni == label.eni || alert.enis.contains(&label.eni);
    let (Some(first), Some(last)) = (second(&alert.window_start), second(&alert.last_seen)) else {
        return false;
    };
    let same_time = first <= label.end_second + SLACK_SECONDS && last + SLACK_SECONDS >= label.start_second;
    same_eni && same_time && same_destination(alert, label)
}

fn same_destination(alert: &Alert, label: &Label) -> bool {
    // An incident about everything the ENI sends (`*`) or a whole service covers every peer.
    let Ok(seen) = alert.peer.parse::<Prefix>() else { return true };
    let hidden = label.peers.iter().filter_map(|peer| peer.parse::<Prefix>().ok());
    label.peers.is_empty()
        || hidden.into_iter().any(|peer| seen.contains(peer.addr()) || peer.contains(seen.addr()))
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

    fn label(id: &str, kind: LabelKind, peer: &str) -> Label {
        Label {
            id: id.into(),
            kind,
            family: "burst".into(),
            variant: "new network".into(),
            account: "111111111111".into(),
            region: "eu-west-1".into(),
            eni: "eni-0123456789abcdef0".into(),
            peers: vec![peer.into()],
            start_second: second("2026-03-01T10:02:00Z").unwrap(),
            end_second: second("2026-03-01T10:44:00Z").unwrap(),
            egress_bytes: Some(1_300_000_000),
            visible: true,
            note: String::new(),
        }
    }

    #[test]
    fn found_missed_and_kept_back_are_told_apart() {
        let told = alert("a", Severity::High, true);
        let mut quiet = alert("b", Severity::Low, false);
        quiet.peer = "198.51.100.7".into();
        let mut stray = alert("c", Severity::Low, true);
        stray.peer = "192.0.2.77".into();
        let mut unseen = label("burst-4", LabelKind::Attack, "");
        unseen.peers = vec!["192.0.2.200".into()];
        unseen.visible = false;
        let labels = [
            label("burst-1", LabelKind::Attack, "203.0.113.0/24"),
            label("burst-2", LabelKind::Attack, "198.51.100.7"),
            label("burst-3", LabelKind::Attack, "192.0.2.1"),
            unseen,
        ];
        let text = answers(&labels, &[&stray, &told, &quiet]);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn another_eni_or_another_day_is_another_matter() {
        let told = alert("a", Severity::High, true);
        let same = label("burst-1", LabelKind::Attack, "203.0.113.9");
        assert!(is_about(&told, &same));
        let mut other = same.clone();
        other.eni = "eni-1".into();
        assert!(!is_about(&told, &other));
        let mut other = same.clone();
        other.start_second += 86_400;
        other.end_second += 86_400;
        assert!(!is_about(&told, &other));
    }
}
