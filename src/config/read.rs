//! TOML text to [`Config`], collecting every mistake instead of stopping at the first.
//!
//! The table is walked by hand because a derived reader stops at the first mistake and cannot
//! name the nearest key together with the line.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::nearest;
use super::{Config, NamedPrefix, Problem, Problems};
use crate::net::{Addr, Prefix};

const SECTIONS: [&str; 6] = ["input", "network", "groups", "detect", "enrich", "s3"];
const INPUT: [&str; 3] = ["format_fields", "lateness_minutes", "guardduty"];
const NETWORK: [&str; 3] = ["internal", "resolvers", "prefix"];
const PREFIX: [&str; 2] = ["name", "prefix"];
const DETECT: [&str; 4] =
    ["budget_per_day_per_1000_enis", "volume_floor_bytes", "volume_ceiling_bytes", "suppressions"];
const ENRICH: [&str; 4] = ["ip_ranges", "asn_db", "country_db", "names"];

type Value<'a, 'i> = &'a Spanned<DeValue<'i>>;

/// Reads a whole file.
pub(super) fn read(text: &str, file: &str) -> Result<Config, Problems> {
    let (root, syntax) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, problems: Vec::new() };
    for error in syntax {
        reader.problem(error.span().unwrap_or(0..0), error.message().to_owned());
    }
    let mut config = Config::default();
    // After a syntax error the recovered table may miss keys: only the syntax is told then.
    if reader.problems.is_empty() {
        reader.root(root.get_ref(), &mut config);
    }
    if reader.problems.is_empty() {
        return Ok(config);
    }
    reader.problems.sort_by_key(|problem| problem.line);
    Err(Problems { file: file.to_owned(), list: reader.problems })
}

/// Walks the tree and collects mistakes.
pub(super) struct Reader<'t> {
    text: &'t str,
    pub(super) problems: Vec<Problem>,
}

impl Reader<'_> {
    fn root(&mut self, root: &DeTable<'_>, config: &mut Config) {
        self.keys(root, "", &SECTIONS, |reader, key, value| match key {
            "input" => reader.input(value, config),
            "network" => reader.network(value, config),
            "groups" => reader.groups(value, config),
            "enrich" => reader.enrich(value, config),
            "s3" => reader.s3(value, &mut config.s3),
            _ => reader.detect(value, config),
        });
    }

    fn input(&mut self, value: Value<'_, '_>, config: &mut Config) {
        let Some(table) = self.table(value, "input") else { return };
        self.keys(table, "input", &INPUT, |reader, key, value| match key {
            "format_fields" => {
                config.input.format_fields = reader.string(value, "input.format_fields").map(field_names);
            }
            "lateness_minutes" => {
                let minutes = reader.integer(value, "input.lateness_minutes", 0..=1440);
                config.input.lateness_minutes = minutes.unwrap_or_default() as u32;
            }
            _ => {
                for item in reader.array(value, "input.guardduty") {
                    let path = reader.string(item, "input.guardduty").map(str::to_owned);
                    config.input.guardduty.extend(path);
                }
            }
        });
    }

    fn network(&mut self, value: Value<'_, '_>, config: &mut Config) {
        let Some(table) = self.table(value, "network") else { return };
        let network = &mut config.network;
        self.keys(table, "network", &NETWORK, |reader, key, value| match key {
            "internal" => {
                for item in reader.array(value, "network.internal") {
                    network.internal.extend(reader.prefix(item, "network.internal"));
                }
            }
            "resolvers" => {
                for item in reader.array(value, "network.resolvers") {
                    network.resolvers.extend(reader.address(item, "network.resolvers"));
                }
            }
            _ => {
                for item in reader.array(value, "network.prefix") {
                    network.prefixes.extend(reader.named_prefix(item));
                }
            }
        });
    }

    fn named_prefix(&mut self, value: Value<'_, '_>) -> Option<NamedPrefix> {
        let table = self.table(value, "network.prefix")?;
        let before = self.problems.len();
        let (mut name, mut prefix) = (None, None);
        self.keys(table, "network.prefix", &PREFIX, |reader, key, value| match key {
            "name" => name = reader.string(value, "network.prefix.name").map(str::to_owned),
            _ => prefix = reader.prefix(value, "network.prefix.prefix"),
        });
        if (name.is_none() || prefix.is_none()) && self.problems.len() == before {
            self.problem(value.span(), "a [[network.prefix]] needs both `name` and `prefix`".to_owned());
        }
        Some(NamedPrefix { name: name?, prefix: prefix? })
    }

    fn groups(&mut self, value: Value<'_, '_>, config: &mut Config) {
        let Some(table) = self.table(value, "groups") else { return };
        for (key, value) in table {
            let eni = key.get_ref();
            if let Some(group) = self.string(value, &format!("groups.{eni}")) {
                config.groups.insert(eni.to_string(), group.to_owned());
            }
        }
    }

    fn detect(&mut self, value: Value<'_, '_>, config: &mut Config) {
        let Some(table) = self.table(value, "detect") else { return };
        let detect = &mut config.detect;
        self.keys(table, "detect", &DETECT, |reader, key, value| match key {
            "budget_per_day_per_1000_enis" => {
                let budget = reader.number(value, "detect.budget_per_day_per_1000_enis");
                detect.budget_per_day_per_1000_enis = budget.unwrap_or_default();
            }
            "volume_floor_bytes" => {
                let floor = reader.integer(value, "detect.volume_floor_bytes", 0..=i64::MAX);
                detect.volume_floor_bytes = floor.unwrap_or_default();
            }
            "suppressions" => {
                detect.suppressions = reader.string(value, "detect.suppressions").map(str::to_owned);
            }
            _ => {
                let ceiling = reader.integer(value, "detect.volume_ceiling_bytes", 1..=i64::MAX);
                detect.volume_ceiling_bytes = ceiling;
            }
        });
    }

    fn enrich(&mut self, value: Value<'_, '_>, config: &mut Config) {
        let Some(table) = self.table(value, "enrich") else { return };
        let files = &mut config.enrich;
        self.keys(table, "enrich", &ENRICH, |reader, key, value| {
            let file = match key {
                "ip_ranges" => &mut files.ip_ranges,
                "asn_db" => &mut files.asn_db,
                "country_db" => &mut files.country_db,
                _ => &mut files.names,
            };
            *file = reader.string(value, &format!("enrich.{key}")).map(str::to_owned);
        });
    }

    /// Calls `each` for the keys that are `known` and reports the others.
    pub(super) fn keys<'a, 'i>(
        &mut self,
        table: &'a DeTable<'i>,
        section: &str,
        known: &[&'static str],
        mut each: impl FnMut(&mut Self, &'static str, Value<'a, 'i>),
    ) {
        for (key, value) in table {
            let word: &str = key.get_ref().as_ref();
            if let Some(&name) = known.iter().find(|name| **name == word) {
                each(self, name, value);
                continue;
            }
            let whole = if section.is_empty() { word.to_owned() } else { format!("{section}.{word}") };
            let meant = match nearest(word, known) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            self.problem(key.span(), format!("unknown key `{whole}`; {meant}"));
        }
    }

    pub(super) fn table<'a, 'i>(&mut self, value: Value<'a, 'i>, key: &str) -> Option<&'a DeTable<'i>> {
        let found = value.get_ref().as_table();
        self.expect(found, value, key, "a table")
    }

    pub(super) fn array<'a, 'i>(
        &mut self,
        value: Value<'a, 'i>,
        key: &str,
    ) -> impl Iterator<Item = Value<'a, 'i>> + use<'a, 'i> {
        let found = value.get_ref().as_array();
        self.expect(found, value, key, "an array").into_iter().flat_map(|array| array.iter())
    }

    pub(super) fn string<'a>(&mut self, value: Value<'a, '_>, key: &str) -> Option<&'a str> {
        let found = value.get_ref().as_str().filter(|text| !text.trim().is_empty());
        self.expect(found, value, key, "a text that is not empty")
    }

    pub(super) fn boolean(&mut self, value: Value<'_, '_>, key: &str) -> Option<bool> {
        self.expect(value.get_ref().as_bool(), value, key, "true or false")
    }

    fn prefix(&mut self, value: Value<'_, '_>, key: &str) -> Option<Prefix> {
        let found = value.get_ref().as_str().and_then(|text| text.parse().ok());
        self.expect(found, value, key, "an address or a prefix such as \"203.0.113.0/24\"")
    }

    fn address(&mut self, value: Value<'_, '_>, key: &str) -> Option<Addr> {
        let ip = value.get_ref().as_str().and_then(|text| text.parse::<std::net::IpAddr>().ok());
        let found = ip.filter(|ip| !ip.is_unspecified()).map(Addr::from);
        self.expect(found, value, key, "an address such as \"198.51.100.53\"")
    }

    pub(super) fn integer(
        &mut self,
        value: Value<'_, '_>,
        key: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<u64> {
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
            .filter(|number| range.contains(number));
        let wanted = match *range.end() {
            i64::MAX => format!("a whole number of at least {}", range.start()),
            end => format!("a whole number from {} to {end}", range.start()),
        };
        self.expect(number.map(|number| number as u64), value, key, &wanted)
    }

    fn number(&mut self, value: Value<'_, '_>, key: &str) -> Option<f64> {
        let text = match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
            DeValue::Float(number) => Some(number.as_str()),
            _ => None,
        };
        let found =
            text.and_then(|text| text.parse::<f64>().ok()).filter(|number| *number > 0.0 && *number <= 1e6);
        self.expect(found, value, key, "a number above 0, at most 1000000")
    }

    pub(super) fn expect<T>(
        &mut self,
        found: Option<T>,
        value: Value<'_, '_>,
        key: &str,
        wanted: &str,
    ) -> Option<T> {
        if found.is_none() {
            let got: String = self.text.get(value.span()).unwrap_or_default().chars().take(40).collect();
            let got = got.lines().next().unwrap_or_default().replace(char::is_control, " ");
            self.problem(value.span(), format!("`{key}` wants {wanted}, not {got}"));
        }
        found
    }

    pub(super) fn problem(&mut self, span: Range<usize>, text: String) {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        self.problems.push(Problem { line, text });
    }
}

/// Column names separated by one space, from spaces or commas, with or without `${}`: as the AWS
/// console, the CLI and people write a format.
pub fn field_names(text: &str) -> String {
    let names = text.split(|c: char| c.is_whitespace() || c == ',').filter(|name| !name.is_empty());
    let bare = |name: &str| name.trim_start_matches("${").trim_end_matches('}').to_owned();
    names.map(bare).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        match read(text, "o.toml") {
            Ok(_) => Vec::new(),
            Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
        }
    }

    #[test]
    fn an_unknown_key_names_line_and_nearest() {
        let got = problems("[detect]\n\nvolume_flor_bytes = 3\n");
        assert_eq!(
            got,
            ["o.toml:3: unknown key `detect.volume_flor_bytes`; did you mean `volume_floor_bytes`?"]
        );
        let got = problems("[inputs]\nx = 1");
        assert_eq!(got, ["o.toml:1: unknown key `inputs`; did you mean `input`?"]);
        let got = problems("[input]\nzzz = 1");
        assert_eq!(
            got,
            ["o.toml:2: unknown key `input.zzz`; known here: format_fields, lateness_minutes, guardduty"]
        );
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let got = problems(
            "[input]\nlateness_minutes = 2000\n[network]\ninternal = ['10.0.0.0/99', 7]\nresolvers = 'x'\n\
             [[network.prefix]]\nname = 'n'\n[detect]\nbudget_per_day_per_1000_enis = 0\nvolume_floor_bytes = -1\n",
        );
        let lines: Vec<_> = got.iter().map(|p| p.split(':').nth(1).unwrap().to_owned()).collect();
        assert_eq!(lines, ["2", "4", "4", "5", "6", "9", "10"], "{got:#?}");
        assert!(got[0].contains("from 0 to 1440, not 2000"), "{}", got[0]);
    }

    #[test]
    fn broken_syntax_is_located() {
        let got = problems("[input]\nlateness_minutes = \n");
        assert!(got[0].starts_with("o.toml:2: "), "{got:?}");
    }

    #[test]
    fn formats_are_read_as_consoles_write_them() {
        assert_eq!(field_names("${version} ${account-id},interface-id"), "version account-id interface-id");
    }

    #[test]
    fn numbers_are_read_in_every_toml_spelling() {
        let config =
            read("detect.volume_floor_bytes = 0x10_00\ndetect.budget_per_day_per_1000_enis = 1e1", "f");
        let detect = config.unwrap().detect;
        assert_eq!(detect.volume_floor_bytes, 4096);
        assert!((detect.budget_per_day_per_1000_enis - 10.0).abs() < 1e-12);
    }
}
