//! Incidents: scored hours of one subject at one ENI, told once.
//!
//! An incident is identified at the roll-up level and continues: once told, the same cause is
//! not news tomorrow unless it grows (detection.md F.1). One cause at many ENIs is one event
//! (F.5).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::budget::{DayScores, Threshold};
use super::evidence::Family;
use super::hour::{HourOutcome, QUARANTINE_BITS, Scored};
use super::score::{Score, Severity};
use super::suppress::{Matched, Suppressions};
use super::told::{self, Cause, Leader, Recent, Told};
use super::traffic::KeyHour;
use super::unit::{Subject, UnitKind};
use crate::baseline::destination::DestinationKey;
use crate::baseline::eni::Tier;
use crate::guardduty::Agreement;
use crate::net::Addr;
use crate::window::{Day, EniHour, EniId, Hour};

/// Days for which a told cause stays told after its last day, and after which a quarantined
/// subject is learned from again (detection.md B.3: 7 days unconfirmed).
const TOLD_DAYS: u32 = 7;
/// Days for which a subject is remembered at all after its last incident.
const REMEMBERED_DAYS: u32 = 14;
/// Growth that is news: this many times the bytes told.
const NEWS_FACTOR: u64 = 4;
/// Hours between the begins of two incidents that are one event: of a change at noon some show it
/// in the hour itself and some in the next.
const TOGETHER_HOURS: u32 = 1;
/// Most that a change of the fleet is worth, bits: somebody should look once, not first.
const FLEET_RISK_MAX: f64 = 15.0;
/// Remembered subjects; the oldest go first.
const REMEMBERED_MAX: usize = 200_000;

/// Stable identity of an incident: hash of (account, ENI, subject, UTC day).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct IncidentId(pub String);

impl IncidentId {
    fn of(eni: &EniId, subject: &Subject, day: Day) -> Self {
        let mut hasher = blake3::Hasher::new();
        for text in [&*eni.account, &*eni.eni, &subject.to_string(), &day.date().to_string()] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Self(hasher.finalize().to_hex()[..20].to_owned())
    }
}

/// Whether an incident is sent, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Sent: HIGH or CRITICAL by rule; no budget silences it.
    SentHigh,
    /// Sent: within the budget.
    SentBudget,
    /// Sent: HIGH by rule, but most of a peer group shows it at once; told once for all of them.
    SentFleetChange,
    /// Kept back: below the budget's threshold.
    BelowThreshold,
    /// Kept back: too little past to know what is normal.
    Learning,
    /// Kept back: the same cause was told before and has not grown.
    Continues,
    /// Kept back: somebody answers for it.
    Suppressed,
}

impl Kept {
    /// The word on alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SentHigh => "high",
            Self::SentBudget => "budget",
            Self::SentFleetChange => "fleet_change",
            Self::BelowThreshold => "below_threshold",
            Self::Learning => "learning",
            Self::Continues => "continues",
            Self::Suppressed => "suppressed",
        }
    }

    /// Whether it is sent.
    pub fn is_sent(self) -> bool {
        matches!(self, Self::SentHigh | Self::SentBudget | Self::SentFleetChange)
    }
}

/// One incident of one day.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Identity.
    pub id: IncidentId,
    /// Which ENI.
    pub eni: EniId,
    /// About what.
    pub subject: Subject,
    /// First hour scored.
    pub first_hour: Hour,
    /// Hours with traffic of it.
    pub hours: Vec<Hour>,
    /// The hour of the worst severity, and of those with most risk.
    pub best: Scored,
    /// When that was.
    pub best_hour: Hour,
    /// All traffic of the day's incident.
    pub traffic: KeyHour,
    /// Raised when it grew after being told.
    pub revision: u32,
    /// Sent or not, and why.
    pub kept: Kept,
    /// When that was decided, event time, Unix seconds.
    pub decided_second: i64,
    /// The incident it continues.
    pub continues: Option<IncidentId>,
    /// ENIs with the same subject in the same account, sorted.
    pub enis: BTreeSet<Arc<str>>,
    /// Most of a peer group shows it at once: a change of the fleet.
    pub is_fleet_change: bool,
    /// ENIs of the group that show it, when it is a change of the fleet.
    pub sharing_enis: u32,
    /// Threshold in force.
    pub threshold: Threshold,
    /// Instance, VPC, subnet and group of the ENI.
    pub place: Place,
    /// Five-minute objects missing, SKIPDATA and late records in its hours, and the sum of the
    /// seen shares.
    pub coverage: IncidentCoverage,
    /// What GuardDuty says about it.
    pub guardduty: Agreement,
    /// Suppressions that are about it.
    pub suppressions: Vec<Matched>,
    told: Option<Told>,
}

/// Where an ENI is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Instance id.
    pub instance: Arc<str>,
    /// VPC id.
    pub vpc: Arc<str>,
    /// Subnet id.
    pub subnet: Arc<str>,
    /// Peer group.
    pub group: Arc<str>,
    /// The ENI's own addresses.
    pub own: Vec<Addr>,
}

/// Coverage summed over an incident's hours.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IncidentCoverage {
    /// Five-minute objects missing.
    pub missing_objects: u32,
    /// SKIPDATA records.
    pub skip_data_records: u64,
    /// Late records.
    pub late_records: u64,
    /// Sum of the hours' seen shares.
    pub seen_sum: f64,
}

/// Incidents over days: the open ones of today and the memory of earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    pub(super) open: BTreeMap<(EniId, Subject), Incident>,
    pub(super) recent: BTreeMap<(EniId, Subject), Recent>,
    /// New destinations and changes of the fleet that were sent today, by any ENI: the others
    /// that show them the same day are the same event, unless they are news beside it. Only
    /// today: a service told once must not hide the next leak.
    pub(super) told_today: BTreeMap<Cause, Leader>,
    pub(super) scores: VecDeque<DayScores>,
    pub(super) suppressions: Suppressions,
}

impl Incidents {
    /// Whether a subject's quarantine is over: it has stood out for a week, and nobody acted, so
    /// it is learned from again.
    pub fn is_released(&self, eni: &EniId, subject: &Subject, today: Day) -> bool {
        let known = self.recent.get(&(eni.clone(), subject.clone())).and_then(|r| r.quarantined);
        known.is_some_and(|(first, last)| last.0 + TOLD_DAYS >= today.0 && first.0 + TOLD_DAYS <= today.0)
    }

    /// Takes in what one ENI-hour gave.
    pub fn note(&mut self, hour: &EniHour, group: &Arc<str>, outcome: HourOutcome, threshold: Threshold) {
        let now = hour.hour;
        let mut scored: BTreeSet<Subject> = BTreeSet::new();
        for unit in outcome.scored {
            let subject = unit.unit.subject.clone();
            scored.insert(subject.clone());
            let key = (hour.id.clone(), subject);
            match self.open.get_mut(&key) {
                Some(incident) => incident.grow(now, unit),
                None => {
                    let incident =
                        Incident::new(key.0.clone(), key.1.clone(), now, unit, hour, group, threshold);
                    self.open.insert(key.clone(), incident);
                }
            }
            self.open.get_mut(&key).expect("just entered").cover(hour);
        }
        let lowest = Subject::Destination(DestinationKey::Named("".into()));
        let of_eni = self.open.range_mut((hour.id.clone(), lowest)..);
        for ((_, subject), incident) in of_eni.take_while(|((eni, _), _)| *eni == hour.id) {
            if !scored.contains(subject)
                && let Some(traffic) = outcome.features.traffic(hour, subject)
            {
                incident.traffic.merge(&traffic);
                incident.hours.push(now);
                incident.cover(hour);
            }
        }
    }

    /// Decides, once all ENIs of an hour are in, what is sent at `now_second`. Incidents are
    /// looked at from the most to the least risky, so that the strongest of one cause speaks, and
    /// spreads before the destinations they consist of.
    pub fn decide(&mut self, hour: Hour, now_second: i64, group_enis: &dyn Fn(&EniId, &str) -> u32) {
        self.mark_fleet_changes(group_enis);
        self.mark_suppressed();
        // Changes of the fleet are all worth the same: of them the one that says most speaks.
        let rank = |i: &Incident| {
            let risk = (i.risk().to_bits(), i.best.score.risk.to_bits());
            (i.subject == Subject::Spread, risk.0, i.rule_severity(), risk.1)
        };
        let mut order: Vec<(_, (EniId, Subject))> = self
            .open
            .iter()
            .filter(|(_, i)| i.hours.last() == Some(&hour) || i.has_lost_cover())
            .map(|(key, i)| (rank(i), key.clone()))
            .collect();
        order.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        for (_, key) in order {
            self.decide_one(&key, now_second);
        }
    }

    fn decide_one(&mut self, key: &(EniId, Subject), now_second: i64) {
        // One ENI over many new destinations is one event: the spread speaks for each of them
        // that is not HIGH alone.
        let spread = (key.1 != Subject::Spread)
            .then(|| self.open.get(&(key.0.clone(), Subject::Spread)).and_then(|i| i.told.clone()))
            .flatten();
        let incident = self.open.get_mut(key).expect("keys come from `open`");
        if incident.kept.is_sent() {
            incident.revise();
            return;
        }
        let today = incident.first_hour.day();
        let own = self
            .recent
            .get(key)
            .and_then(|r| r.told.as_ref())
            .filter(|t| t.last_day.0 + TOLD_DAYS >= today.0);
        let cause = Cause::of(incident);
        let leader = self.told_today.get(&cause).filter(|leader| leader.told.id != incident.id);
        let shared = leader.filter(|leader| incident.shares_cause(leader)).map(|leader| &leader.told);
        let spread =
            spread.as_ref().filter(|_| incident.is_new_destination() && incident.severity() < Severity::High);
        let known = [spread, shared, own].into_iter().flatten().find(|told| !incident.is_news(told));
        let is_high = incident.rule_severity() >= Severity::High;
        let risk = incident.risk();
        incident.kept = match (incident.best.tier, incident.threshold.0) {
            _ if known.is_some() => Kept::Continues,
            _ if is_high && incident.is_fleet_change => Kept::SentFleetChange,
            _ if is_high => Kept::SentHigh,
            (Tier::Learning, _) | (_, None) => Kept::Learning,
            (_, Some(tau)) if risk >= tau => Kept::SentBudget,
            _ => Kept::BelowThreshold,
        };
        if incident.kept.is_sent() && incident.is_suppressed() {
            incident.kept = Kept::Suppressed;
        }
        incident.continues = known.or(own).map(|told| told.id.clone());
        incident.decided_second = now_second;
        if incident.kept.is_sent() {
            incident.tell();
            if incident.may_lead() {
                // The most that was told of it: what is as much as that is not news again.
                let leader = || Leader { told: Told::of(incident, today), first_hour: incident.first_hour };
                let known = self.told_today.entry(cause).or_insert_with(leader);
                if incident.traffic.app_bytes > known.told.app_bytes {
                    *known = leader();
                }
            }
        } else if let (Kept::Continues, Some(id)) = (incident.kept, incident.continues.clone())
            && let Some(first) = self.open.values_mut().find(|i| i.id == id)
        {
            first.enis.insert(Arc::clone(&key.0.eni));
        }
    }

    /// Ends a day: gives its incidents, sorted, and keeps what later days need.
    pub fn end_day(&mut self, day: Day) -> Vec<Incident> {
        let mut ended: Vec<Incident> = std::mem::take(&mut self.open).into_values().collect();
        for incident in &ended {
            let key = (incident.eni.clone(), incident.subject.clone());
            let recent = self.recent.entry(key).or_default();
            recent.last_day = day;
            if incident.best.score.risk >= QUARANTINE_BITS {
                let first = recent
                    .quarantined
                    .filter(|(_, last)| last.0 + TOLD_DAYS >= day.0)
                    .map_or(day, |(f, _)| f);
                recent.quarantined = Some((first, day));
            }
            if incident.kept.is_sent() {
                recent.told = Some(Told::of(incident, day));
            } else if incident.kept == Kept::Continues {
                // It goes on; what was told of it stays what it was, so that growth is news.
                match &mut recent.told {
                    Some(told) => told.last_day = day,
                    None => recent.told = told::of_leader(incident, &ended, day),
                }
            }
        }
        self.recent.retain(|_, r| r.last_day.0 + REMEMBERED_DAYS > day.0);
        self.told_today.clear();
        self.bound_memory();
        told::fold_fleet_changes(&mut ended);
        // What is HIGH is told whatever the threshold, so it takes no place in the budget's past:
        // two weeks of leaks would else raise it above what the next one can be worth.
        let is_budgeted = |i: &&Incident| {
            i.kept != Kept::Continues && !i.is_suppressed() && i.rule_severity() < Severity::High
        };
        let risks = ended.iter().filter(is_budgeted).map(Incident::risk).collect();
        self.scores.push_back(DayScores::new(day.0, risks));
        ended
    }

    fn bound_memory(&mut self) {
        let excess = self.recent.len().saturating_sub(REMEMBERED_MAX);
        if excess > 0 {
            let mut oldest: Vec<_> = self.recent.iter().map(|(k, r)| (r.last_day, k.clone())).collect();
            oldest.sort_unstable();
            for (_, key) in oldest.into_iter().take(excess) {
                self.recent.remove(&key);
            }
        }
    }
}

impl Incident {
    fn new(
        eni: EniId,
        subject: Subject,
        now: Hour,
        scored: Scored,
        hour: &EniHour,
        group: &Arc<str>,
        threshold: Threshold,
    ) -> Self {
        Self {
            id: IncidentId::of(&eni, &subject, now.day()),
            enis: BTreeSet::from([Arc::clone(&eni.eni)]),
            eni,
            subject,
            first_hour: now,
            hours: vec![now],
            traffic: scored.traffic.clone(),
            best: scored,
            best_hour: now,
            revision: 1,
            kept: Kept::BelowThreshold,
            decided_second: now.end_second(),
            continues: None,
            is_fleet_change: false,
            sharing_enis: 0,
            threshold,
            place: Place {
                instance: Arc::clone(&hour.instance),
                vpc: Arc::clone(&hour.vpc),
                subnet: Arc::clone(&hour.subnet),
                group: Arc::clone(group),
                own: hour.own.clone(),
            },
            coverage: IncidentCoverage::default(),
            guardduty: Agreement::default(),
            suppressions: Vec::new(),
            told: None,
        }
    }

    fn grow(&mut self, now: Hour, scored: Scored) {
        self.traffic.merge(&scored.traffic);
        self.hours.push(now);
        let weight = |s: &Scored| (s.score.severity, s.score.risk);
        if weight(&scored) > weight(&self.best) {
            self.best = scored;
            self.best_hour = now;
        }
    }

    fn cover(&mut self, hour: &EniHour) {
        self.coverage.missing_objects += hour.coverage.missing_slots();
        self.coverage.skip_data_records += hour.coverage.skip_data_records;
        self.coverage.late_records += hour.coverage.late_records;
        self.coverage.seen_sum += hour.coverage.seen_share();
    }

    /// Severity by rule; a change of the fleet is at most MEDIUM, unless its destination is known
    /// to be bad.
    pub fn severity(&self) -> Severity {
        let own = self.best.score.severity;
        let own = if self.is_fleet_change { own.min(Severity::Medium) } else { own };
        own.max(self.agreed_severity())
    }

    /// Severity by rule, whether the fleet changed or not.
    pub(super) fn rule_severity(&self) -> Severity {
        self.best.score.severity.max(self.agreed_severity())
    }

    pub(super) fn is_new_destination(&self) -> bool {
        matches!(self.best.unit.kind, UnitKind::Destination { novelty: Some(_), .. })
    }

    /// Whether it is the same event as what another ENI was told of its cause today: a destination
    /// new to both, a change of the fleet, or more than usual to one known network, begun together.
    /// A service is in use by all for many reasons, so that two ENIs use it proves nothing.
    fn shares_cause(&self, leader: &Leader) -> bool {
        let apart_hours = self.first_hour.0.abs_diff(leader.first_hour.0);
        self.is_fleet_change
            || self.is_new_destination()
            || (self.is_known_network() && apart_hours <= TOGETHER_HOURS)
    }

    /// Whether what is told of it may speak for other ENIs.
    fn may_lead(&self) -> bool {
        self.is_fleet_change || self.is_new_destination() || self.is_known_network()
    }

    fn is_known_network(&self) -> bool {
        !self.is_new_destination() && matches!(self.subject, Subject::Destination(DestinationKey::Network(_)))
    }

    /// Risk, bits: our own evidence, and what GuardDuty adds to it.
    pub fn risk(&self) -> f64 {
        self.own_risk() + self.guardduty_bits()
    }

    /// Risk by our own evidence, bits; that of a change of the fleet is bounded.
    pub fn own_risk(&self) -> f64 {
        let risk = self.best.score.risk;
        if self.is_fleet_change { risk.min(FLEET_RISK_MAX) } else { risk }
    }

    pub(super) fn families(&self) -> u8 {
        family_set(&self.best.score)
    }

    /// Whether it says more than was told: much more data, another kind of evidence, or worse.
    fn is_news(&self, told: &Told) -> bool {
        // Of a change of the fleet each ENI shows what it shows: that is no other evidence.
        let has_other_evidence = !self.is_fleet_change && self.families() & !told.families != 0;
        self.traffic.app_bytes >= told.app_bytes.saturating_mul(NEWS_FACTOR).max(1)
            || has_other_evidence
            || self.rule_severity() > told.severity
            || self.independent_findings().any(|arn| !told.findings.contains(arn))
    }

    fn tell(&mut self) {
        self.told = Some(Told::of(self, self.first_hour.day()));
    }

    /// Raises the revision of an incident that was sent and says more now.
    fn revise(&mut self) {
        if self.told.as_ref().is_some_and(|told| self.is_news(told)) {
            self.revision += 1;
            self.tell();
        }
    }
}

/// Families with at least ten bits, as a set: a new one is news.
fn family_set(score: &Score) -> u8 {
    Family::ALL
        .iter()
        .filter(|f| score.families[**f as usize] >= 10.0)
        .fold(0, |set, f| set | 1 << (*f as u8))
}
