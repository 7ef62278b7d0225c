//! The stages after reading, in order: hours close, are scored against the day's snapshot,
//! incidents are decided, days fold into tomorrow's baseline. Synchronous and pure: what must
//! be written goes to an `Output`.

mod carry;
mod early;
mod standing;
mod start;
mod write_up;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::alert::Alert;
use crate::alert::model::TableVersion;
use crate::baseline::eni::{EniHistory, EniModel, EniToday, Tier};
use crate::baseline::fleet::{FleetHistory, FleetModel};
use crate::baseline::{History, Snapshot, SnapshotRow, Today, in_step};
use crate::detect::suppress::Suppressions;
use crate::detect::{EniContext, HourOutcome, Incidents, Kept, Settings, Threshold, score_hour};
use crate::enrich::Tables;
use crate::guardduty::{Correlated, Correlation, FindingSet};
pub use carry::Carried;
pub use standing::Standing;
pub use start::{DayStart, MemoryKind, MemoryRow};

use crate::window::{ClosedHour, Day, EniClass, EniHour, EniId, Hour, OpenHours, Place};

/// Takes what the pipeline produces, in event order.
pub trait Output: Send {
    /// Why something could not be written.
    type Error: Send;

    /// Rows of the snapshot that the day about to begin is compared with: some at a time, in order, all
    /// of them before [`Self::day_begins`].
    ///
    /// # Errors
    /// When they cannot be written.
    fn snapshot_rows(&mut self, day: Day, rows: Vec<SnapshotRow>) -> Result<(), Self::Error>;

    /// A day begins; what it is compared with is fixed.
    ///
    /// # Errors
    /// When it cannot be written.
    fn day_begins(&mut self, day: Day, start: &DayStart<'_>) -> Result<(), Self::Error>;

    /// An hour of the day has closed. It is scored at the same time, on another thread if there is one.
    ///
    /// # Errors
    /// When it cannot be written.
    fn hour_closed(&mut self, hour: &Arc<ClosedHour>) -> Result<(), Self::Error>;

    /// The day has ended with these incidents.
    ///
    /// # Errors
    /// When they cannot be written.
    fn day_ends(&mut self, day: Day, alerts: Vec<Alert>) -> Result<(), Self::Error>;
}

/// What went through the pipeline.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Closed hours.
    pub hours: u64,
    /// Closed ENI-hours.
    pub eni_hours: u64,
    /// ENI-hours whose addresses were rolled up at their limit.
    pub rolled_up_eni_hours: u64,
    /// Units scored: destinations, clients and spreads per ENI-hour.
    pub scored_units: u64,
    /// Late records.
    pub late_records: u64,
    /// IP bytes sent by instances; relays carry the same bytes again.
    pub egress_bytes: u64,
    /// IP bytes received by instances.
    pub ingress_bytes: u64,
    /// Latest tier by instance ENI.
    pub tiers: BTreeMap<EniId, Tier>,
    /// ENIs that relay.
    pub relays: BTreeSet<EniId>,
    /// GuardDuty's findings, by ARN, and what became of each.
    pub findings: Vec<Correlated>,
}

/// The state between hours.
#[derive(Debug)]
pub struct Pipeline {
    settings: Settings,
    config_hash: Arc<str>,
    lateness_seconds: i64,
    /// Nobody else has it when it changes, which is between days.
    history: Arc<History>,
    incidents: Incidents,
    /// `None` when no findings were given.
    guardduty: Option<Beside>,
    tables: Option<Arc<Tables>>,
    suppressions: Option<TableVersion>,
    living: Option<Living>,
    tally: Tally,
}

/// Findings, and the incidents as they would be without any. The threshold is learned from those:
/// what a finding makes told is told no more tomorrow, and so would shift the threshold of days
/// to come, which must not depend on when, or whether, a finding arrived.
#[derive(Debug)]
struct Beside {
    correlation: Correlation,
    unaided: Incidents,
}

/// What a day is compared with, as it was at its midnight.
#[derive(Clone, Copy, Debug)]
pub struct Standpoint<'a> {
    /// What is remembered.
    pub history: &'a History,
    /// Models derived from it.
    pub snapshot: &'a Snapshot,
    /// Risk from which incidents are sent.
    pub threshold: Threshold,
    /// The model of an account without history.
    pub blank_fleet: &'a FleetModel,
}

/// The day that is being lived.
#[derive(Debug)]
struct Living {
    snapshot: Snapshot,
    today: Today,
    /// One threshold for all places: the budget is the operator's, not the account's.
    threshold: Threshold,
    /// Objects by hour, for the alerts of the day.
    objects: BTreeMap<(Hour, Place), crate::window::HourObjects>,
    blank_eni: EniModel,
    blank_fleet: FleetModel,
    /// Share of the latest closed hour that could be seen.
    seen_share: Option<f64>,
}

impl Living {
    /// ENIs that the day is compared with.
    fn enis(&self) -> u32 {
        self.snapshot.fleets.values().map(|fleet| fleet.enis).sum()
    }

    /// ENIs of a peer group.
    fn group_enis(&self, id: &EniId, group: &str) -> u32 {
        let fleet = self.snapshot.fleets.get(&id.place());
        fleet.and_then(|fleet| fleet.group_enis.get(group)).copied().unwrap_or(0)
    }
}

impl Pipeline {
    /// A pipeline without history. `config_hash` is printed on alerts; `lateness_seconds` is how
    /// long after its end an hour closes, which is when `watch` would send.
    pub fn new(settings: Settings, config_hash: &str, lateness_seconds: i64) -> Self {
        Self {
            settings,
            config_hash: config_hash.into(),
            lateness_seconds,
            history: Arc::default(),
            incidents: Incidents::default(),
            guardduty: None,
            tables: None,
            suppressions: None,
            living: None,
            tally: Tally::default(),
        }
    }

    /// Takes the findings that incidents are joined with. Before the first hour.
    #[must_use]
    pub fn with_findings(self, findings: FindingSet) -> Self {
        let beside = Beside { correlation: Correlation::new(findings), unaided: self.incidents.clone() };
        Self { guardduty: Some(beside), ..self }
    }

    /// Takes the tables that give words for destinations.
    #[must_use]
    pub fn with_tables(self, tables: Arc<Tables>) -> Self {
        Self { tables: Some(tables), ..self }
    }

    /// Takes suppressions, and which version of their file they are. Before the first hour.
    #[must_use]
    pub fn with_suppressions(mut self, suppressions: Suppressions, version: TableVersion) -> Self {
        if let Some(beside) = &mut self.guardduty {
            beside.unaided = std::mem::take(&mut beside.unaided).under(suppressions.clone());
        }
        let incidents = std::mem::take(&mut self.incidents).under(suppressions);
        Self { incidents, suppressions: Some(version), ..self }
    }

    /// Closes and scores all open hours up to `last`, ascending.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn close_up_to<O: Output>(
        &mut self,
        open: &mut OpenHours,
        last: Hour,
        output: &mut O,
    ) -> Result<(), O::Error> {
        let mut due = open.due(last).into_iter().peekable();
        let mut ahead = None;
        while let Some(hour) = due.next() {
            self.enter_day(hour.day(), output)?;
            let history = Arc::clone(&self.history);
            let mut close = |hour| open.close(hour, |id| history.known(id));
            let closed = Arc::new(ahead.take().unwrap_or_else(|| close(hour)));
            // Of few ENIs either leaves threads idle: the next hour closes meanwhile, unless what it
            // should know of its ENIs is still to be learned from this day.
            let next = due.peek().copied().filter(|next| next.day() == hour.day());
            let (next, scored) =
                rayon::join(|| next.map(&mut close), || self.score_and_write(&closed, output));
            ahead = next;
            scored?;
        }
        open.ledger.forget_up_to(last);
        Ok(())
    }

    /// Scores an hour that was closed before, such as one that a lake holds.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn take_closed<O: Output>(
        &mut self,
        closed: &Arc<ClosedHour>,
        output: &mut O,
    ) -> Result<(), O::Error> {
        self.enter_day(closed.hour.day(), output)?;
        self.score_and_write(closed, output)
    }

    fn score_and_write<O: Output>(
        &mut self,
        closed: &Arc<ClosedHour>,
        output: &mut O,
    ) -> Result<(), O::Error> {
        rayon::join(|| self.score(closed), || output.hour_closed(closed)).1
    }

    /// What the day that is being lived is compared with; `None` before the first.
    pub fn standpoint(&self) -> Option<Standpoint<'_>> {
        let living = self.living.as_ref()?;
        Some(Standpoint {
            history: &self.history,
            snapshot: &living.snapshot,
            threshold: living.threshold,
            blank_fleet: &living.blank_fleet,
        })
    }

    /// Ends the day that is being lived, if any, and gives what went through.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn finish<O: Output>(&mut self, output: &mut O) -> Result<Tally, O::Error> {
        self.leave_day(true, output)?;
        if let Some(beside) = self.guardduty.take() {
            self.tally.findings = beside.correlation.into_findings();
        }
        Ok(std::mem::take(&mut self.tally))
    }

    fn enter_day<O: Output>(&mut self, day: Day, output: &mut O) -> Result<(), O::Error> {
        if self.living.as_ref().is_some_and(|living| living.snapshot.day == day) {
            return Ok(());
        }
        self.leave_day(false, output)?;
        Arc::make_mut(&mut self.history).advance(day);
        let snapshot = self.history.snapshot(day, |rows| output.snapshot_rows(day, rows))?;
        let budget = self.settings.budget_per_day_per_1000_enis;
        let enis = snapshot.fleets.values().map(|fleet| fleet.enis).sum();
        let past = self.guardduty.as_mut().map_or(&mut self.incidents, |beside| &mut beside.unaided);
        let threshold = past.threshold(day, enis, budget);
        let start = DayStart::new(&snapshot.hash, threshold, &self.incidents, self.guardduty.as_ref());
        output.day_begins(day, &start)?;
        self.living = Some(Living {
            snapshot,
            today: Today::default(),
            threshold,
            objects: BTreeMap::new(),
            blank_eni: EniHistory::new(day.first_hour()).model(day),
            blank_fleet: FleetModel::learn(&FleetHistory::default(), &[], 0),
            seen_share: None,
        });
        Ok(())
    }

    fn leave_day<O: Output>(&mut self, is_end: bool, output: &mut O) -> Result<(), O::Error> {
        let Some(mut living) = self.living.take() else { return Ok(()) };
        let day = living.snapshot.day;
        let incidents = self.incidents.end_day(day);
        let mut alerts: Vec<Alert> = incidents.par_iter().map(|i| self.write_up(i, &living)).collect();
        if let Some(mut beside) = self.guardduty.take() {
            beside.unaided.end_day(day);
            let correlation = &mut beside.correlation;
            for incident in &incidents {
                // Also what a suppression hides: its findings are from the same logs, or it would be told.
                let is_handled =
                    incident.kept.is_sent() || matches!(incident.kept, Kept::Continues | Kept::Suppressed);
                correlation.note_joined(&incident.guardduty, &incident.id.0, is_handled);
            }
            for (finding, sighting) in correlation.take_alone(day, is_end) {
                let alert = self.write_up_alone(&finding, &sighting, &living);
                correlation.note_alert(&finding.arn, &alert.id);
                alerts.push(alert);
            }
            self.guardduty = Some(beside);
        }
        self.tell_tables(&mut alerts);
        output.day_ends(day, alerts)?;
        living.today.pool_days();
        Arc::make_mut(&mut self.history).fold(day, living.today);
        Ok(())
    }

    /// Scores one closed hour: ENIs in parallel, incidents after them in order.
    fn score(&mut self, closed: &ClosedHour) {
        let Some(mut living) = self.living.take() else { return };
        for (at, objects) in &closed.objects {
            living.objects.insert((closed.hour, at.clone()), objects.named());
        }
        living.seen_share = standing::seen_share(closed);
        let mut enis_today = std::mem::take(&mut living.today.enis);
        let scored: Vec<(&EniHour, &EniToday, HourOutcome)> = self
            .days_so_far(closed, &mut enis_today)
            .into_par_iter()
            .map(|(lived, eni)| {
                let context = self.context(&eni.id, &living);
                let is_released = |subject: &_| self.incidents.is_released(&eni.id, subject, eni.hour.day());
                let outcome = score_hour(eni, &context, &self.settings, lived, &is_released);
                (eni, &*lived, outcome)
            })
            .collect();
        self.tally.hours += 1;
        for eni in &closed.enis {
            self.count(eni);
        }
        for (eni, lived, outcome) in scored {
            self.take_in(eni, lived, outcome, &mut living);
        }
        living.today.enis = enis_today;
        if let Some(Beside { correlation, .. }) = &mut self.guardduty {
            closed.enis.iter().for_each(|eni| correlation.note_hour(eni));
            self.incidents.join(closed.hour, correlation.findings());
        }
        let sent_second = closed.hour.end_second() + self.lateness_seconds;
        let group_enis = |id: &EniId, group: &str| living.group_enis(id, group);
        self.incidents.decide(closed.hour, sent_second, &group_enis);
        if let Some(beside) = &mut self.guardduty {
            beside.unaided.decide(closed.hour, sent_second, &group_enis);
        }
        self.living = Some(living);
    }

    /// The ENIs of an hour that are scored, each with its day so far, which begins where it is its
    /// first hour.
    fn days_so_far<'a>(
        &self,
        closed: &'a ClosedHour,
        today: &'a mut BTreeMap<EniId, EniToday>,
    ) -> Vec<(&'a mut EniToday, &'a EniHour)> {
        let is_scored = |eni: &&EniHour| eni.class == EniClass::Instance && eni.coverage.is_observed();
        let mut scored: Vec<&EniHour> = closed.enis.iter().filter(is_scored).collect();
        scored.sort_by(|a, b| a.id.cmp(&b.id));
        for eni in &scored {
            if !today.contains_key(&eni.id) {
                today.insert(eni.id.clone(), self.new_today(&eni.id, closed.hour));
            }
        }
        in_step(today, scored.into_iter().map(|eni| (&eni.id, eni)))
    }

    /// An ENI's day begins with the group it had.
    fn new_today(&self, id: &EniId, hour: Hour) -> EniToday {
        let mut today = EniToday::new(hour);
        if let Some(history) = self.history.enis.get(id) {
            today.group = Arc::clone(&history.group);
        }
        today
    }

    fn context<'a>(&'a self, id: &EniId, living: &'a Living) -> EniContext<'a> {
        let at = id.place();
        EniContext {
            model: living.snapshot.enis.get(id).unwrap_or(&living.blank_eni),
            history: self.history.enis.get(id),
            fleet: living.snapshot.fleets.get(&at).unwrap_or(&living.blank_fleet),
            fleet_history: self.history.fleets.get(&at),
        }
    }

    fn take_in(&mut self, eni: &EniHour, lived: &EniToday, outcome: HourOutcome, living: &mut Living) {
        let first_hour = self.history.enis.get(&eni.id).map_or(lived.first_hour.0, |h| h.first_hour);
        self.tally.tiers.insert(eni.id.clone(), Tier::of_age(eni.hour.0.saturating_sub(first_hour)));
        self.tally.scored_units += outcome.units;
        let pooled = living.today.fleets.entry(eni.id.place()).or_default();
        pooled.eni_hours += 1;
        for (pool, own_bits) in &outcome.own_bits {
            pooled.pools[*pool as usize].add(*own_bits);
        }
        pooled.rare.iter_mut().zip(outcome.rare).for_each(|(sum, happened)| *sum += u64::from(happened));
        if let Some(beside) = &mut self.guardduty {
            beside.unaided.note(eni, &lived.group, outcome.clone(), living.threshold);
        }
        self.incidents.note(eni, &lived.group, outcome, living.threshold);
    }

    fn count(&mut self, eni: &EniHour) {
        self.tally.eni_hours += 1;
        self.tally.rolled_up_eni_hours += u64::from(eni.rollup_level > 0);
        self.tally.late_records += eni.coverage.late_records;
        if eni.class == EniClass::Relay {
            self.tally.relays.insert(eni.id.clone());
        } else {
            let tally = &mut self.tally;
            tally.egress_bytes = tally.egress_bytes.saturating_add(eni.totals.egress_bytes);
            tally.ingress_bytes = tally.ingress_bytes.saturating_add(eni.totals.ingress_bytes);
        }
    }
}
