//! What a correlation leaves behind between days, as it is stored. The findings themselves are
//! not part of it: they are a set of their own, and whoever goes on from a day goes on with all
//! findings known by then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::set::FindingSet;
use super::sighting::{Correlated, Correlation, Sighting};

/// The memory of [`Correlation`] between two days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrelationMemory {
    sightings: BTreeMap<Arc<str>, Sighting>,
    joined: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    told: BTreeSet<Arc<str>>,
}

impl Correlation {
    /// What later days need.
    pub fn memory(&self) -> CorrelationMemory {
        let (sightings, joined) = (self.sightings.clone(), self.joined.clone());
        CorrelationMemory { sightings, joined, told: self.told.clone() }
    }

    /// The correlation of the days after those that `memory` is of, beside `findings`.
    pub fn remembering(memory: CorrelationMemory, findings: FindingSet) -> Self {
        let CorrelationMemory { sightings, joined, told } = memory;
        let mut correlation = Self { findings: FindingSet::default(), sightings, joined, told };
        correlation.replace_findings(findings);
        correlation
    }

    /// Takes the findings known now: they count for the hours to come. What is known of others is
    /// forgotten.
    pub fn replace_findings(&mut self, findings: FindingSet) {
        self.sightings.retain(|arn, _| findings.get(arn).is_some());
        self.joined.retain(|arn, _| findings.get(arn).is_some());
        self.told.retain(|arn| findings.get(arn).is_some());
        self.findings = findings;
    }

    /// All findings so far, by ARN, with the ids of the alerts that each is part of.
    pub fn correlated(&self) -> Vec<Correlated> {
        let alerts = |finding: &Finding| self.joined.get(&finding.arn).cloned().unwrap_or_default();
        let findings = self.findings.iter();
        findings.map(|finding| Correlated { finding: finding.clone(), alerts: alerts(finding) }).collect()
    }
}

/// Remote ends as a list: JSON has no maps by anything but text.
pub(super) mod ends {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::guardduty::SeenEnd;
    use crate::net::Prefix;

    type Ends = BTreeMap<(Prefix, u8, u16), SeenEnd>;

    pub fn serialize<S: Serializer>(ends: &Ends, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(ends)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Ends, D::Error> {
        Ok(Vec::<((Prefix, u8, u16), SeenEnd)>::deserialize(from)?.into_iter().collect())
    }
}

impl Serialize for FindingSet {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for FindingSet {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut set = Self::default();
        for finding in Vec::<Finding>::deserialize(from)? {
            set.upsert(finding);
        }
        Ok(set)
    }
}
