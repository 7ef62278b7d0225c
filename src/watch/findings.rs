//! Findings of `GuardDuty`: taken in as they come, and forgotten when `GuardDuty` itself has.

use std::sync::Arc;

use crate::guardduty::{Finding, Upsert};
use crate::limits::{FINDING_DAYS_MAX, FINDINGS_MAX};
use crate::state::Reason;
use crate::window::{Day, Hour};

use super::engine::{Engine, earlier};
use super::observer::Event;

/// Days before the day of a finding's first sight that it may change: it joins what happened up to a
/// day before (`guardduty::join`).
const FINDING_DAYS_BEFORE: u32 = 1;

impl Engine {
    /// Takes findings in. They count for the hours to come at once, and for those that have closed
    /// with the next correction; a finding that was known and is told again, at the end of the day.
    /// Those that would be forgotten are left out.
    pub fn take_findings(&mut self, findings: Vec<Finding>, now_second: i64) {
        let from_second = self.findings_from_second();
        let Some(set) = &mut self.book.findings else { return };
        let (mut fresh, mut stale): (Option<Day>, Option<Day>) = (None, None);
        let mut turned_away = Vec::new();
        for finding in findings.into_iter().filter(|finding| finding.last_second >= from_second) {
            let arn = Arc::clone(&finding.arn);
            let before = set.get(&arn).cloned();
            match set.upsert(finding) {
                Upsert::Sample => continue,
                Upsert::Full => {
                    turned_away.push(arn);
                    continue;
                }
                _ => {}
            }
            self.observer.note(&Event::Finding);
            let Some(now) = set.get(&arn).filter(|now| before.as_ref() != Some(*now)) else { continue };
            let from = Hour::of_second(now.first_second).day().0.saturating_sub(FINDING_DAYS_BEFORE);
            // GuardDuty repeats a finding every few hours: that is not worth a correction at once.
            let first = if before.is_none() { &mut fresh } else { &mut stale };
            *first = earlier(*first, Some(Day(from)));
        }
        let findings = fresh.or(stale).map(|_| set.clone());
        let detail = format!("{FINDINGS_MAX} findings are held, and no more");
        turned_away.iter().for_each(|arn| self.refuse(arn, Reason::NoRoom, &detail));
        let Some(findings) = findings else { return };
        self.live.pipeline.replace_findings(findings);
        let is_past = |from: &Day| self.book.closed.is_some_and(|closed| *from <= closed.day());
        self.stale_from = earlier(self.stale_from, stale.filter(is_past));
        if let Some(from) = fresh.filter(is_past) {
            self.soil(from, now_second);
        }
    }

    /// Findings seen last before this, Unix seconds, are forgotten.
    fn findings_from_second(&self) -> i64 {
        let kept = |ended: Day| Day(ended.0.saturating_sub(FINDING_DAYS_MAX)).first_hour().start_second();
        self.book.days.last().map_or(i64::MIN, |day| kept(day.after))
    }

    /// Forgets findings at the end of a day; the lake has them. They joined what happened up to a day
    /// after they were seen, and no day that old is lived again.
    pub(super) fn forget_old_findings(&mut self) {
        let from_second = self.findings_from_second();
        let Some(set) = &mut self.book.findings else { return };
        if set.forget_before(from_second) {
            let findings = set.clone();
            self.live.pipeline.replace_findings(findings);
        }
    }
}
