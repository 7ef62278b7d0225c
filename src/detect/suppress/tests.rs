use super::*;
use crate::limits::SUPPRESSION_DAYS_MAX;

const DAY: Day = Day(20_500);

fn suppression(scope: Scope, destination: &str) -> Suppression {
    let destination = destination.parse().map_or_else(|_| Covered::Key(destination.into()), Covered::Network);
    Suppression {
        id: "sup-1".into(),
        scope,
        account: None,
        destination,
        port: None,
        max_bytes_per_day: 1_000,
        owner: "ops".into(),
        ticket: "T-1".into(),
        reason: "backup".into(),
        from: Day(DAY.0 - 1),
        expires: Day(DAY.0 + 1),
    }
}

fn target(eni: &'static str, key: &str, peers: &[&str], bytes: u64) -> Target<'static> {
    Target {
        account: "111111111111",
        eni,
        group: "web",
        day: DAY,
        key: key.into(),
        network: key.strip_prefix("served:").unwrap_or(key).parse().ok(),
        reaches: peers.iter().map(|peer| (peer.parse().unwrap(), 443)).collect(),
        has_more_reaches: false,
        egress_bytes: bytes,
        has_independent_finding: false,
    }
}

fn verdicts(list: Vec<Suppression>, targets: &[Target<'_>]) -> Vec<Vec<Verdict>> {
    let judged = Suppressions::new(list).judge(targets);
    judged.into_iter().map(|matched| matched.into_iter().map(|m| m.verdict).collect()).collect()
}

fn eni(name: &str) -> Scope {
    Scope::Eni(name.into())
}

#[test]
fn it_is_about_what_it_names_and_nothing_else() {
    let hides =
        |s: Suppression, t: &Target<'_>| verdicts(vec![s], std::slice::from_ref(t)) == [[Verdict::Hidden]];
    let to = target("eni-a", "203.0.113.0/24", &["203.0.113.9"], 10);
    assert!(hides(suppression(eni("eni-a"), "203.0.113.0/24"), &to));
    assert!(hides(suppression(eni("eni-a"), "203.0.0.0/16"), &to));
    assert!(hides(suppression(eni("eni-a"), "203.0.113.9"), &to), "all that was reached is in it");
    assert!(hides(suppression(Scope::Group("web".into()), "203.0.113.0/24"), &to));
    assert!(!hides(suppression(Scope::Group("db".into()), "203.0.113.0/24"), &to));
    assert!(!hides(suppression(eni("eni-b"), "203.0.113.0/24"), &to));
    assert!(!hides(suppression(eni("eni-a"), "203.0.113.128/25"), &to));
    let mut more = to.clone();
    more.has_more_reaches = true;
    assert!(!hides(suppression(eni("eni-a"), "203.0.113.9"), &more), "what was not listed may lie outside");
    assert!(hides(suppression(eni("eni-a"), "203.0.113.0/24"), &more));
    let ported = |port| Suppression { port: Some(port), ..suppression(eni("eni-a"), "203.0.113.0/24") };
    assert!(hides(ported(443), &to) && !hides(ported(22), &to) && !hides(ported(443), &more));
    let elsewhere = Suppression { account: Some("222222222222".into()), ..ported(443) };
    assert!(!hides(elsewhere, &to));
}

#[test]
fn services_spreads_and_served_clients_are_matched_by_key() {
    let hides =
        |to: &str, t: Target<'_>| verdicts(vec![suppression(eni("eni-a"), to)], &[t]) == [[Verdict::Hidden]];
    assert!(hides("aws:S3", target("eni-a", "aws:S3", &["198.51.100.7"], 1)));
    assert!(!hides("aws:S3", target("eni-a", "aws:EBS", &["198.51.100.7"], 1)));
    assert!(hides("198.51.100.0/24", target("eni-a", "served:198.51.100.0/24", &["198.51.100.7"], 1)));
    assert!(!hides("198.51.100.0/24", target("eni-a", "*", &["198.51.100.7", "192.0.2.1"], 1)));
    assert!(hides("198.51.100.0/24", target("eni-a", "*", &["198.51.100.7", "198.51.100.8"], 1)));
    assert!(!hides("198.51.100.0/24", target("eni-a", "*", &[], 1)));
}

#[test]
fn a_cap_is_shared_by_all_it_is_about() {
    let group = || vec![suppression(Scope::Group("web".into()), "203.0.113.0/24")];
    let one = target("eni-a", "203.0.113.0/24", &["203.0.113.9"], 600);
    let other = target("eni-b", "203.0.113.0/24", &["203.0.113.9"], 400);
    assert_eq!(verdicts(group(), &[one.clone(), other.clone()]), [[Verdict::Hidden], [Verdict::Hidden]]);
    let too_much = Target { egress_bytes: 401, ..other };
    assert_eq!(verdicts(group(), &[one, too_much]), [[Verdict::OverCap], [Verdict::OverCap]]);
}

#[test]
fn event_time_decides_and_knowledge_from_outside_is_told() {
    let one = || vec![suppression(eni("eni-a"), "203.0.113.0/24")];
    let on = |day| Target { day, ..target("eni-a", "203.0.113.0/24", &["203.0.113.9"], 1) };
    assert_eq!(verdicts(one(), &[on(Day(DAY.0 - 2))]), [Vec::new()], "not yet");
    assert_eq!(verdicts(one(), &[on(Day(DAY.0 - 1))]), [[Verdict::Hidden]]);
    assert_eq!(verdicts(one(), &[on(Day(DAY.0 + 1))]), [[Verdict::Expired]]);
    let known = Target { has_independent_finding: true, ..on(DAY) };
    assert_eq!(verdicts(one(), &[known]), [[Verdict::IndependentFinding]]);
    let always = Suppressions::new(one()).holding_always();
    assert!(is_hidden(&always.judge(&[on(Day(1))])[0]) && is_hidden(&always.judge(&[on(Day(90_000))])[0]));
}

#[test]
fn an_entry_reads_back() {
    for (scope, to) in [(eni("eni-a"), "203.0.113.0/24"), (Scope::Group("we\"b\n".into()), "name:a b")] {
        let one = Suppression { port: Some(443), account: Some("1".into()), ..suppression(scope, to) };
        let text = entry(&one).unwrap();
        let back = read(&format!("# a remark\n\n{text}")).unwrap();
        assert_eq!(back.iter().collect::<Vec<_>>(), [&one]);
    }
}

#[test]
fn what_nobody_could_answer_for_is_refused_with_its_line() {
    let good = entry(&suppression(eni("eni-a"), "203.0.113.0/24")).unwrap();
    let refused = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        let problems = read(&format!("\n{}", good.replace(from, to))).unwrap_err();
        assert!(problems.iter().all(|problem| problem.line >= 2), "{problems:?}");
        problems.into_iter().map(|problem| problem.text).collect::<String>()
    };
    let until = Day(DAY.0 + SUPPRESSION_DAYS_MAX).date().to_string();
    let end = Day(DAY.0 + 1).date().to_string();
    assert!(refused(&end, &until).contains("1 to 90 days"));
    assert!(refused(&end, "2026-02-30").contains("no date"));
    assert!(refused("203.0.113.0/24", "0.0.0.0/0").contains("too wide"));
    assert!(refused("203.0.113.0/24", "*").contains("wants a prefix"));
    assert!(refused("= 1000", "= 0").contains("at least 1"));
    assert!(refused("max_bytes_per_day = 1000\n", "").contains("max_bytes_per_day"));
    assert!(refused("\"T-1\"", "\" \"").contains("`ticket` is empty"));
    assert!(refused("owner", "ownr").contains("ownr"));
    assert!(refused("eni =", "group = 'g'\neni =").contains("either `eni` or `group`"));
    let twice = read(&format!("{good}{good}")).unwrap_err();
    assert!(twice[0].text.contains("twice"), "{twice:?}");
}
