//! What became of the alerts that were handed to a sink.

/// Alerts that were not delivered, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// What went wrong.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
    /// How many alerts.
    pub alerts: u64,
    /// It is the alert itself: to offer it again is in vain.
    pub is_hopeless: bool,
    /// Ids of the first of them, at most `limits::UNDELIVERED_NAMED_MAX`.
    pub ids: Vec<String>,
}

/// What became of the alerts so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Alerts that were taken.
    pub published: u64,
    /// The others, by cause.
    pub undelivered: Vec<Undelivered>,
    /// Ids of those of the last call that another call may take.
    #[cfg(feature = "aws")]
    pub(crate) refused: Vec<String>,
}

impl Delivery {
    /// Begins a call: what it does not take is what [`Self::refused`] gives afterwards.
    #[cfg(feature = "aws")]
    pub(super) fn begin(&mut self) {
        self.refused.clear();
    }

    /// Ids of the alerts that the last call did not take, and another may.
    #[cfg(feature = "aws")]
    pub fn refused(&self) -> &[String] {
        &self.refused
    }

    /// Notes an alert that was not delivered.
    #[cfg(feature = "aws")]
    pub(super) fn note(&mut self, alert_id: &str, cause: &str, remedy: &str) {
        self.refused.push(alert_id.to_owned());
        self.add(alert_id, cause, remedy, false);
    }

    /// Notes an alert that cannot be delivered, whenever it is offered.
    #[cfg(feature = "aws")]
    pub(super) fn note_hopeless(&mut self, alert_id: &str, cause: &str, remedy: &str) {
        self.add(alert_id, cause, remedy, true);
    }

    #[cfg(feature = "aws")]
    fn add(&mut self, alert_id: &str, cause: &str, remedy: &str, is_hopeless: bool) {
        let known = self.undelivered.iter().position(|u| u.cause == cause && u.remedy == remedy);
        let at = known.unwrap_or_else(|| {
            self.undelivered.push(Undelivered {
                cause: cause.to_owned(),
                remedy: remedy.to_owned(),
                alerts: 0,
                is_hopeless,
                ids: Vec::new(),
            });
            self.undelivered.len() - 1
        });
        let same = &mut self.undelivered[at];
        same.alerts += 1;
        if same.ids.len() < crate::limits::UNDELIVERED_NAMED_MAX {
            same.ids.push(alert_id.to_owned());
        }
    }
}
