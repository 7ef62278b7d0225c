//! The configuration: one TOML file, every key optional, every mistake named with its line.
//!
//! What is here is what the engine uses. A key that does nothing would be a lie.

mod problem;
mod read;
mod s3;

use std::collections::BTreeMap;
use std::path::Path;

pub(crate) use problem::nearest;
pub use problem::{Problem, Problems};
pub use read::field_names;
pub use s3::{S3, S3Bucket};
pub(crate) use s3::{SSE, is_account, is_role_arn};

use crate::baseline::destination::NamedPrefixes;
use crate::error::Error;
use crate::net::{Addr, Prefix};

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// `[input]`: how objects are read.
    pub input: Input,
    /// `[network]`: what belongs to us.
    pub network: Network,
    /// `[groups]`: ENI id to the name of the peer group whose behaviour stands in for the ENI's
    /// own while that is still being learned. Wins over groups named in the records.
    pub groups: BTreeMap<String, String>,
    /// `[detect]`: how much to tell.
    pub detect: Detect,
    /// `[enrich]`: tables about the rest of the world.
    pub enrich: Enrich,
    /// `[s3]`: how inputs in S3 are reached. Not part of the hash: where bytes lie changes no score.
    pub s3: S3,
}

/// `[input]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// `format_fields`: names of the columns of bodies that carry no header, in order, separated
    /// by one space. Default: none, such bodies are skipped and counted.
    pub format_fields: Option<String>,
    /// `lateness_minutes`: how long after an hour's end its records are still waited for, in
    /// event minutes. In [0, 1440]. Default 30: AWS delivers within about ten minutes, best
    /// effort.
    pub lateness_minutes: u32,
    /// `guardduty`: files, folders and globs with GuardDuty's findings. Default: none, alerts then
    /// say that none were given.
    pub guardduty: Vec<String>,
}

impl Default for Input {
    fn default() -> Self {
        Self { format_fields: None, lateness_minutes: 30, guardduty: Vec::new() }
    }
}

/// `[network]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// `internal`: prefixes that are ours or peered, besides the private ones (RFC 1918,
    /// 100.64/10, ULA, link-local, multicast). Traffic to them never counts as leaving.
    pub internal: Vec<Prefix>,
    /// `resolvers`: DNS servers outside that may be asked.
    pub resolvers: Vec<Addr>,
    /// `[[network.prefix]]`: named prefixes outside; their addresses count as one destination.
    pub prefixes: Vec<NamedPrefix>,
}

/// One `[[network.prefix]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedPrefix {
    /// `name`: as shown in alerts, e.g. `backup-partner`.
    pub name: String,
    /// `prefix`: e.g. `203.0.113.0/24`.
    pub prefix: Prefix,
}

/// `[enrich]`: files, each optional. Hashes of their contents are on alerts, not their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enrich {
    /// `ip_ranges`: AWS's `ip-ranges.json`; names the service where records do not.
    pub ip_ranges: Option<String>,
    /// `asn_db`: MaxMind-format database of autonomous systems.
    pub asn_db: Option<String>,
    /// `country_db`: MaxMind-format database of countries.
    pub country_db: Option<String>,
    /// `names`: CSV with the columns `prefix` and `name`; each name counts as one destination.
    pub names: Option<String>,
}

/// `[detect]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Detect {
    /// `budget_per_day_per_1000_enis`: alerts an operator wants to read, per day and 1,000 ENIs.
    /// Sets the emission threshold from the past. In (0, 1000000]. Default 5.
    pub budget_per_day_per_1000_enis: f64,
    /// `volume_floor_bytes`: application bytes (IP less headers) of an ENI's hour, or to one
    /// client, below which volume says nothing. Default 10485760 (10 MiB).
    pub volume_floor_bytes: u64,
    /// `volume_ceiling_bytes`: application bytes to one destination in an hour above which an incident is
    /// always told, learned or not. Default: none.
    pub volume_ceiling_bytes: Option<u64>,
    /// `suppressions`: file of suppressions, as `outflow suppress` keeps it. Default: none.
    pub suppressions: Option<String>,
}

impl Default for Detect {
    fn default() -> Self {
        Self {
            budget_per_day_per_1000_enis: 5.0,
            volume_floor_bytes: 10 << 20,
            volume_ceiling_bytes: None,
            suppressions: None,
        }
    }
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or holds mistakes: all of them, with their lines.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.display().to_string(), source })?;
        Ok(Self::parse(&text, &path.display().to_string())?)
    }

    /// Reads the text of a file called `file`.
    ///
    /// # Errors
    /// All mistakes, with their lines.
    pub fn parse(text: &str, file: &str) -> Result<Self, Problems> {
        read::read(text, file)
    }

    /// The prefixes that count as one destination each.
    pub fn named_prefixes(&self) -> NamedPrefixes {
        let named = self.network.prefixes.iter().map(|p| (p.prefix, p.name.as_str().into()));
        NamedPrefixes::new(named.collect())
    }

    /// Hash of everything a score depends on, 16 hex digits. Equal configurations have equal
    /// hashes however their files are written.
    pub fn hash(&self) -> String {
        let text = |items: &mut dyn Iterator<Item = String>| {
            let mut items: Vec<_> = items.collect();
            items.sort_unstable();
            items.dedup();
            items
        };
        let network = &self.network;
        let canonical = serde_json::json!({
            "lateness_minutes": self.input.lateness_minutes,
            "internal": text(&mut network.internal.iter().map(ToString::to_string)),
            "resolvers": text(&mut network.resolvers.iter().map(ToString::to_string)),
            "prefixes": text(&mut network.prefixes.iter().map(|p| format!("{} {}", p.prefix, p.name))),
            "groups": self.groups,
            "budget_per_day_per_1000_enis": self.detect.budget_per_day_per_1000_enis,
            "volume_floor_bytes": self.detect.volume_floor_bytes,
            "volume_ceiling_bytes": self.detect.volume_ceiling_bytes,
        });
        // serde_json's maps are sorted by key, so the text is canonical.
        blake3::hash(canonical.to_string().as_bytes()).to_hex()[..16].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"
groups = { eni-0a = "web", eni-0b = "db" }
[input]
format_fields = "version account-id interface-id"
lateness_minutes = 45
guardduty = ["findings", "more/*.json"]
[network]
internal = ["203.0.113.0/24", "2001:db8::/32"]
resolvers = ["198.51.100.53"]
[[network.prefix]]
name = "partner"
prefix = "192.0.2.0/25"
[detect]
budget_per_day_per_1000_enis = 2
volume_floor_bytes = 1048576
volume_ceiling_bytes = 10_737_418_240
suppressions = "suppressions.toml"
[enrich]
ip_ranges = "ip-ranges.json"
asn_db = "asn.mmdb"
country_db = "country.mmdb"
names = "names.csv"
[s3]
region = "eu-west-1"
profile = "audit"
endpoint_url = "https://bucket.vpce-0a1b2c3d.s3.eu-west-1.vpce.amazonaws.com"
path_style = true
fips = true
dual_stack = true
requester_pays = true
expected_bucket_owner = "111111111111"
role_arn = "arn:aws:iam::111111111111:role/outflow"
timeout_seconds = 5
attempts = 2
[[s3.bucket]]
name = "logs-of-222222222222"
region = "eu-central-1"
role_arn = "arn:aws:iam::222222222222:role/outflow"
external_id = "x"
expected_bucket_owner = "222222222222"
requester_pays = false
"#;

    #[test]
    fn every_key_arrives() {
        let config = Config::parse(FULL, "f").unwrap();
        assert_eq!(config.input.format_fields.as_deref(), Some("version account-id interface-id"));
        assert_eq!(config.input.lateness_minutes, 45);
        assert_eq!(config.input.guardduty, ["findings", "more/*.json"]);
        assert_eq!(config.network.internal.len(), 2);
        assert_eq!(config.network.resolvers[0].to_string(), "198.51.100.53");
        assert_eq!(config.network.prefixes[0].name, "partner");
        assert_eq!(config.network.prefixes[0].prefix.to_string(), "192.0.2.0/25");
        assert_eq!(config.groups["eni-0b"], "db");
        assert!((config.detect.budget_per_day_per_1000_enis - 2.0).abs() < 1e-12);
        assert_eq!(config.detect.volume_floor_bytes, 1 << 20);
        assert_eq!(config.detect.volume_ceiling_bytes, Some(10 << 30));
        assert_eq!(config.detect.suppressions.as_deref(), Some("suppressions.toml"));
        let files = &config.enrich;
        let files = [&files.ip_ranges, &files.asn_db, &files.country_db, &files.names];
        assert_eq!(
            files.map(|file| file.as_deref().unwrap()).concat(),
            "ip-ranges.jsonasn.mmdbcountry.mmdbnames.csv"
        );
    }

    #[test]
    fn a_bucket_of_its_own_account_has_its_own_role_and_the_others_the_common_one() {
        let s3 = Config::parse(FULL, "f").unwrap().s3;
        assert_eq!((s3.profile.as_deref(), s3.attempts), (Some("audit"), 2));
        assert!(s3.endpoint_url.as_deref().unwrap().starts_with("https://bucket.vpce") && s3.path_style);
        assert!(s3.fips && s3.dual_stack && s3.timeout == std::time::Duration::from_secs(5));
        let own = s3.of_bucket("logs-of-222222222222");
        assert_eq!(own.region.as_deref(), Some("eu-central-1"));
        assert_eq!(own.role_arn.as_deref(), Some("arn:aws:iam::222222222222:role/outflow"));
        assert_eq!(own.external_id.as_deref(), Some("x"));
        assert_eq!(
            (own.expected_bucket_owner.as_deref(), own.requester_pays),
            (Some("222222222222"), Some(false))
        );
        let common = s3.of_bucket("central");
        assert_eq!(common.region.as_deref(), Some("eu-west-1"));
        assert_eq!(common.role_arn.as_deref(), Some("arn:aws:iam::111111111111:role/outflow"));
        assert_eq!(
            (common.expected_bucket_owner.as_deref(), common.requester_pays),
            (Some("111111111111"), Some(true))
        );
    }

    #[test]
    fn the_empty_file_is_the_default() {
        assert_eq!(Config::parse("", "f").unwrap(), Config::default());
    }

    #[test]
    fn the_hash_follows_meaning_not_spelling() {
        let a = Config::parse("[network]\ninternal = ['203.0.113.7/24', '192.0.2.0/24']", "a").unwrap();
        let b =
            Config::parse("network.internal = [\"192.0.2.0/24\",\"203.0.113.0/24\"] # same", "b").unwrap();
        assert_eq!(a.hash(), b.hash());
        assert_eq!(a.hash().len(), 16);
        let changed = [
            "network.internal = ['192.0.2.0/24']",
            "detect.volume_floor_bytes = 1",
            "detect.volume_ceiling_bytes = 99999999",
            "detect.budget_per_day_per_1000_enis = 4",
            "groups.eni-1 = 'x'",
            "input.lateness_minutes = 31",
            "network.resolvers = ['192.0.2.1']",
        ];
        let mut hashes: Vec<_> =
            changed.iter().map(|text| Config::parse(text, "c").unwrap().hash()).collect();
        hashes.push(Config::default().hash());
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), changed.len() + 1);
    }
}
