//! Files beside the logs: tables about the world and suppressions. Read once, before any scoring.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use crate::alert::model::TableVersion;
use crate::config::Config;
use crate::detect::Settings;
use crate::detect::suppress::{self, Suppressions};
use crate::enrich::{TableKind, Tables, short_hash};
use crate::error::Error;
use crate::limits::{SUPPRESSIONS_BYTES_MAX, TABLE_BYTES_MAX};
use crate::pipeline::Pipeline;

/// What the configuration names beside the logs.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    tables: Option<Arc<Tables>>,
    suppressions: Option<(Suppressions, TableVersion)>,
}

impl Beside {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read or is something else.
    pub fn load(config: &Config) -> Result<Self, Error> {
        let files = &config.enrich;
        let named = [
            (TableKind::IpRanges, &files.ip_ranges),
            (TableKind::AsnDb, &files.asn_db),
            (TableKind::CountryDb, &files.country_db),
            (TableKind::Names, &files.names),
        ];
        let mut tables: Option<Tables> = None;
        for (kind, path) in named {
            let Some(path) = path else { continue };
            let bytes = bytes_of(path, TABLE_BYTES_MAX)?;
            let added = tables.get_or_insert_default().add(kind, bytes);
            added.map_err(|error| Error::Stored { path: path.clone(), detail: error.to_string() })?;
        }
        let suppressions = config.detect.suppressions.as_deref().map(read_suppressions).transpose()?;
        Ok(Self { tables: tables.map(Arc::new), suppressions })
    }

    /// What scoring takes from the configuration and from the tables.
    pub fn settings(&self, config: &Config) -> Settings {
        let mut settings = super::settings(config);
        if let Some(tables) = &self.tables {
            let own = config.network.prefixes.iter().map(|p| (p.prefix, Arc::from(p.name.as_str())));
            // The configuration's names win over the file's: of several for one prefix only they are kept.
            let mut named: Vec<_> = own.collect();
            let listed = tables.names().iter().filter(|(p, _)| !named.iter().any(|(own, _)| own == p));
            let listed: Vec<_> = listed.cloned().collect();
            named.extend(listed);
            settings.named = crate::baseline::destination::NamedPrefixes::new(named);
            settings.services = tables.services();
        }
        settings
    }

    /// Hash of everything a score depends on: the configuration's, and those of the tables that
    /// reach the score.
    pub fn config_hash(&self, config: &Config) -> String {
        let scored =
            self.tables.iter().flat_map(|tables| tables.versions()).filter(|(kind, _)| kind.is_scored());
        let versions: Vec<String> = scored.map(|(kind, hash)| format!(" {} {hash}", kind.as_str())).collect();
        if versions.is_empty() {
            return config.hash();
        }
        short_hash(format!("{}{}", config.hash(), versions.concat()).as_bytes())
    }

    /// Gives the pipeline what it needs of it.
    #[must_use]
    pub fn into_pipeline(self, pipeline: Pipeline) -> Pipeline {
        let mut pipeline = pipeline;
        if let Some(tables) = self.tables {
            pipeline = pipeline.with_tables(tables);
        }
        if let Some((suppressions, version)) = self.suppressions {
            pipeline = pipeline.with_suppressions(suppressions, version);
        }
        pipeline
    }
}

/// The suppressions of a file, and which version of it they are.
///
/// # Errors
/// When it cannot be read, or holds mistakes: all of them, with their lines.
pub fn read_suppressions(path: &str) -> Result<(Suppressions, TableVersion), Error> {
    let bytes = bytes_of(path, SUPPRESSIONS_BYTES_MAX)?;
    let stored = |detail: String| Error::Stored { path: path.to_owned(), detail };
    let text = std::str::from_utf8(&bytes).map_err(|error| stored(error.to_string()))?;
    let read = suppress::read(text).map_err(|problems| {
        let told = problems.iter().map(|problem| format!("line {}: {}", problem.line, problem.text));
        stored(told.collect::<Vec<_>>().join("\n"))
    })?;
    Ok((read, TableVersion { kind: "suppressions".into(), blake3: short_hash(&bytes) }))
}

/// The bytes of a file, refused above `max`.
fn bytes_of(path: &str, max: u64) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max {
        return Err(Error::Stored { path: path.to_owned(), detail: format!("it has more than {max} bytes") });
    }
    Ok(bytes)
}
