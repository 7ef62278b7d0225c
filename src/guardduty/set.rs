//! All findings known, each once, and where they are about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::finding::Finding;
use super::join::PlaceMatch;
use crate::limits::FINDINGS_MAX;
use crate::net::Addr;

/// What taking in a finding did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsert {
    /// It was not known.
    New,
    /// It was known; the two renderings are one now.
    Merged,
    /// A sample: left out.
    Sample,
    /// The set holds as many as it may: left out.
    Full,
}

/// Findings by ARN. What it holds does not depend on the order in which renderings came.
#[derive(Clone, Debug, Default)]
pub struct FindingSet {
    findings: BTreeMap<Arc<str>, Finding>,
    by_eni: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    by_address: BTreeMap<(Arc<str>, Addr), BTreeSet<Arc<str>>>,
    by_instance: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl FindingSet {
    /// Takes in one rendering of a finding.
    pub fn upsert(&mut self, finding: Finding) -> Upsert {
        if finding.is_sample {
            return Upsert::Sample;
        }
        let arn = Arc::clone(&finding.arn);
        let is_full = self.findings.len() >= FINDINGS_MAX;
        let done = match self.findings.get_mut(&arn) {
            Some(known) => {
                known.merge(finding);
                Upsert::Merged
            }
            None if is_full => return Upsert::Full,
            None => {
                self.findings.insert(Arc::clone(&arn), finding);
                Upsert::New
            }
        };
        self.index(&arn);
        done
    }

    fn index(&mut self, arn: &Arc<str>) {
        let Some(finding) = self.findings.get(arn) else { return };
        for eni in finding.enis() {
            self.by_eni.entry(Arc::clone(eni)).or_default().insert(Arc::clone(arn));
        }
        for (vpc, address) in finding.own() {
            self.by_address.entry((Arc::clone(vpc), address)).or_default().insert(Arc::clone(arn));
        }
        for instance in &finding.instances {
            self.by_instance.entry(Arc::clone(instance)).or_default().insert(Arc::clone(arn));
        }
    }

    /// Findings about an interface: by its id, else by VPC and own address, else by instance.
    /// Sorted by ARN, each once with its best match.
    pub fn about(
        &self,
        eni: &str,
        vpc: &Arc<str>,
        own: &[Addr],
        instance: &str,
    ) -> Vec<(&Finding, PlaceMatch)> {
        if self.findings.is_empty() {
            return Vec::new();
        }
        let mut met: BTreeMap<&Arc<str>, PlaceMatch> = BTreeMap::new();
        // From the weakest to the best: the best stays.
        let by_instance = self.by_instance.get(instance).filter(|_| !instance.is_empty());
        met.extend(by_instance.into_iter().flatten().map(|arn| (arn, PlaceMatch::Instance)));
        for address in own.iter().filter(|_| !vpc.is_empty()) {
            let found = self.by_address.get(&(Arc::clone(vpc), *address));
            met.extend(found.into_iter().flatten().map(|arn| (arn, PlaceMatch::Address)));
        }
        let by_eni = self.by_eni.get(eni).into_iter().flatten();
        // An index entry may be older than the interface that was told last.
        let by_eni = by_eni.filter(|arn| self.findings[*arn].enis().any(|named| **named == *eni));
        met.extend(by_eni.map(|arn| (arn, PlaceMatch::Eni)));
        met.into_iter().map(|(arn, place)| (&self.findings[arn], place)).collect()
    }

    /// Forgets findings that were seen last before `second`, Unix; tells whether there were any.
    pub fn forget_before(&mut self, second: i64) -> bool {
        let is_old = |finding: &Finding| finding.last_second < second;
        let has_old = self.findings.values().any(is_old);
        if has_old {
            for finding in std::mem::take(self).into_findings().filter(|finding| !is_old(finding)) {
                self.upsert(finding);
            }
        }
        has_old
    }

    /// The finding with this ARN.
    pub fn get(&self, arn: &str) -> Option<&Finding> {
        self.findings.get(arn)
    }

    /// All findings, by ARN.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.findings.values()
    }

    /// Gives up all findings, by ARN.
    pub fn into_findings(self) -> impl Iterator<Item = Finding> {
        self.findings.into_values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }
}
