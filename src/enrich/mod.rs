//! Tables about the rest of the world, given as files by the operator: AWS's `ip-ranges.json`,
//! MaxMind-format databases of autonomous systems and countries, names for prefixes.
//!
//! Nothing is fetched. A table is bytes in and look-ups out, so the same files give the same alerts,
//! and the hash of each is on every alert. Only AWS's ranges and the names reach the score, as
//! destination keys; the databases give words.

mod aws;
mod mmdb;
mod names;

use std::sync::Arc;

use crate::alert::Alert;
use crate::alert::model::{Known, TableVersion};
use crate::net::{Prefix, PrefixTable};
use aws::AwsRanges;
use mmdb::Mmdb;

/// Hex digits of a table's hash on alerts.
const HASH_DIGITS: usize = 16;

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableKind {
    /// AWS's `ip-ranges.json`.
    IpRanges,
    /// A MaxMind-format database of autonomous systems.
    AsnDb,
    /// A MaxMind-format database of countries.
    CountryDb,
    /// CSV with the columns `prefix` and `name`.
    Names,
}

impl TableKind {
    /// The word in the configuration and on alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IpRanges => "ip_ranges",
            Self::AsnDb => "asn_db",
            Self::CountryDb => "country_db",
            Self::Names => "names",
        }
    }

    /// Whether scores depend on it.
    pub fn is_scored(self) -> bool {
        matches!(self, Self::IpRanges | Self::Names)
    }
}

/// A table that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no {}: {detail}", kind.as_str())]
pub struct TableError {
    /// Which table.
    pub kind: TableKind,
    /// What is wrong, with its place where there is one.
    pub detail: String,
}

/// The tables that were given.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    aws: Option<AwsRanges>,
    asn: Option<Arc<Mmdb>>,
    country: Option<Arc<Mmdb>>,
    names: Vec<(Prefix, Arc<str>)>,
    by_prefix: PrefixTable<Arc<str>>,
    versions: Vec<(TableKind, String)>,
}

impl Tables {
    /// Takes the bytes of a table; a second one of the same kind replaces the first.
    ///
    /// # Errors
    /// When they are something else.
    pub fn add(&mut self, kind: TableKind, bytes: Vec<u8>) -> Result<(), TableError> {
        let wrong = |detail: String| TableError { kind, detail };
        let hash = short_hash(&bytes);
        match kind {
            TableKind::IpRanges => self.aws = Some(AwsRanges::read(&bytes).map_err(wrong)?),
            TableKind::AsnDb => self.asn = Some(Arc::new(Mmdb::read(bytes).map_err(wrong)?)),
            TableKind::CountryDb => self.country = Some(Arc::new(Mmdb::read(bytes).map_err(wrong)?)),
            TableKind::Names => {
                self.names = names::read(&bytes).map_err(wrong)?;
                self.by_prefix = PrefixTable::new(self.names.clone());
            }
        }
        self.versions.retain(|(have, _)| *have != kind);
        self.versions.push((kind, hash));
        self.versions.sort_unstable();
        Ok(())
    }

    /// The operator's names, each prefix of which counts as one destination.
    pub fn names(&self) -> &[(Prefix, Arc<str>)] {
        &self.names
    }

    /// AWS services by range, for records that do not name them.
    pub fn services(&self) -> PrefixTable<Arc<str>> {
        self.aws.as_ref().map(AwsRanges::services).unwrap_or_default()
    }

    /// The tables given, with their hashes.
    pub fn versions(&self) -> impl Iterator<Item = (TableKind, &str)> {
        self.versions.iter().map(|(kind, hash)| (*kind, hash.as_str()))
    }

    /// What is known of all of `peer`.
    pub fn about(&self, peer: Prefix) -> Known {
        let mut known = Known::default();
        if let Some(name) = self.by_prefix.find(peer) {
            known.name = name.to_string();
        }
        if let Some(range) = self.aws.as_ref().and_then(|aws| aws.find(peer)) {
            known.service = range.service.to_string();
            known.service_region = range.region.to_string();
        }
        if let Some(db) = &self.asn {
            (known.asn, known.as_name) = db.system(peer);
        }
        if let Some(db) = &self.country {
            known.country = db.country(peer);
        }
        known
    }

    /// Adds what is known of its destination to an alert, and which tables say so.
    pub fn tell(&self, alert: &mut Alert) {
        if let Ok(peer) = alert.peer.parse::<Prefix>() {
            alert.known = self.about(peer);
        }
        if let Some(name) = alert.destination.strip_prefix("name:") {
            name.clone_into(&mut alert.known.name);
        }
        if !alert.known.is_empty() {
            alert.sentence = format!("{}; {} is {}", alert.sentence, alert.peer, alert.known);
        }
        let versions = self.versions.iter();
        alert.tables.extend(
            versions.map(|(kind, hash)| TableVersion { kind: kind.as_str().into(), blake3: hash.clone() }),
        );
    }
}

/// The hash of a file as it stands on alerts.
pub fn short_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..HASH_DIGITS].to_owned()
}

#[cfg(test)]
mod tests;
