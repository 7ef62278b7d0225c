//! Takes what the pipeline produces: hands alerts on, counts them, and writes the lake when there is
//! one, beside the pipeline. So a day is told a little after it ended: when the lake has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Found, OnAlerts, ScanOptions};
use crate::alert::{Alert, count_hidden, rfc3339};
use crate::baseline::SnapshotRow;
use crate::config;
use crate::error::Error;
use crate::lake::{LakeDays, LakeError, LakeThread, LakeWriter};
use crate::pipeline::{DayStart, Output};
use crate::retrospective::Survey;
use crate::window::{ClosedHour, Day};

/// Where a scan's results go.
pub(super) struct Writer<'a> {
    on_alerts: &'a mut OnAlerts<'a>,
    /// As alerts write a time: in UTC and whole seconds its text sorts as it does.
    alerts_from: Option<String>,
    pub(super) found: Found,
    /// Incidents that each suppression hid, by id.
    pub(super) suppressed: BTreeMap<String, u64>,
    /// Days that the lake keeps as it held them; known when it is finished.
    pub(super) kept_days: Vec<Day>,
    lake: Option<LakeThread>,
    survey: Option<&'a mut Survey>,
}

impl<'a> Writer<'a> {
    /// Takes the right to write the lake, if any.
    pub(super) fn new(
        options: &ScanOptions,
        s3: &config::S3,
        on_alerts: &'a mut OnAlerts<'a>,
        survey: Option<&'a mut Survey>,
    ) -> Result<Self, Error> {
        let lake = options.lake.as_deref().map(|root| LakeWriter::open(root, s3)).transpose()?;
        let days = lake.map(|lake| LakeDays::keeping(lake, options.replace_days)).transpose()?;
        let lake = days.map(LakeThread::start).transpose()?;
        let (found, suppressed, kept_days) = (Found::default(), BTreeMap::new(), Vec::new());
        let alerts_from = options.alerts_from.map(rfc3339);
        Ok(Self { on_alerts, alerts_from, found, suppressed, kept_days, lake, survey })
    }

    /// Waits until the lake has all days that ended, and tells them. The lake takes nothing more;
    /// a day that did not end leaves nothing in it. Gives it for what is not of one day.
    pub(super) fn finish_lake(&mut self) -> Result<Option<LakeWriter>, Error> {
        self.hand_over(LakeThread::finish)?;
        let Some(lake) = self.lake.take() else { return Ok(None) };
        self.kept_days = lake.kept().to_vec();
        Ok(Some(lake.lake().clone()))
    }

    /// Gives something to the lake, if there is one, and tells the days that it has by now.
    fn hand_over(
        &mut self,
        give: impl FnOnce(&mut LakeThread) -> Result<(), LakeError>,
    ) -> Result<(), Error> {
        let Some(lake) = &mut self.lake else { return Ok(()) };
        let given = give(lake);
        // Days before one that could not be written are told as ever.
        for alerts in lake.take_written() {
            self.tell(alerts)?;
        }
        Ok(given?)
    }

    fn tell(&mut self, mut alerts: Vec<Alert>) -> Result<(), Error> {
        if let Some(from) = &self.alerts_from {
            alerts.retain(|alert| {
                let is_told = alert.emitted_at >= *from;
                self.found.earlier += u64::from(!is_told && alert.emitted);
                is_told
            });
        }
        alerts.iter().for_each(|alert| self.found.note(alert));
        for (id, hits) in count_hidden(&alerts) {
            *self.suppressed.entry(id).or_default() += hits;
        }
        (self.on_alerts)(&alerts)
    }
}

impl Output for Writer<'_> {
    type Error = Error;

    fn snapshot_rows(&mut self, day: Day, rows: Vec<SnapshotRow>) -> Result<(), Error> {
        self.hand_over(|lake| lake.snapshot_rows(day, rows))
    }

    fn day_begins(&mut self, day: Day, start: &DayStart<'_>) -> Result<(), Error> {
        self.hand_over(|lake| lake.begin(day, start.memory()))
    }

    fn hour_closed(&mut self, hour: &Arc<ClosedHour>) -> Result<(), Error> {
        if let Some(survey) = &mut self.survey {
            hour.enis.iter().for_each(|eni| survey.note(eni));
        }
        self.hand_over(|lake| lake.hour(Arc::clone(hour)))
    }

    fn day_ends(&mut self, day: Day, alerts: Vec<Alert>) -> Result<(), Error> {
        if self.lake.is_none() {
            return self.tell(alerts);
        }
        // So at most one day is behind, and is told before another may come into the lake.
        self.hand_over(LakeThread::wait_for_days)?;
        self.hand_over(|lake| lake.end(day, alerts))
    }
}
