//! `outflow suppress`: keeps a file of suppressions, and shows what it hides before it hides it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Subcommand};

use super::s3_args::S3Args;
use super::term::{Output, Term};
use super::text::{bytes, plural, safe};
use crate::alert::Alert;
use crate::config::Config;
use crate::detect::suppress::{
    self, Covered, Matched, Scope, Suppression, Suppressions, Target, is_hidden, parse_day,
};
use crate::error::Error;
use crate::eval::{Case, Kind, Listed, read_labels};
use crate::lake::Lake;
use crate::limits::SUPPRESSION_DAYS_MAX;
use crate::scan::read_suppressions;
use crate::window::Day;

/// Exit code of a file that would hide a labelled attack.
const HIDES_ATTACK: u8 = 1;

#[derive(Debug, Subcommand)]
pub(super) enum SuppressVerb {
    /// Add a suppression to a file
    Add(Box<AddArgs>),
    /// Show what a file would hide of a lake's alerts if all of it held at all times, its first and
    /// last days left aside; exits with 1 when that is a labelled attack
    Test(TestArgs),
    /// List the suppressions of a file, with what they hid in a lake
    List(ListArgs),
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("scope").required(true).args(["eni", "group"])))]
pub(super) struct AddArgs {
    /// The file, made when it is not there
    #[arg(value_name = "FILE", env = "OUTFLOW_SUPPRESSIONS")]
    file: PathBuf,
    /// Traffic of this ENI
    #[arg(long, env = "OUTFLOW_ENI", value_name = "ENI")]
    eni: Option<String>,
    /// Traffic of this peer group, as alerts name it
    #[arg(long, env = "OUTFLOW_GROUP", value_name = "GROUP")]
    group: Option<String>,
    /// In this account only
    #[arg(long, env = "OUTFLOW_ACCOUNT", value_name = "ID")]
    account: Option<String>,
    /// To this prefix, or destination as alerts name it: 203.0.113.0/24, aws:S3, name:backup-partner
    #[arg(long, env = "OUTFLOW_DESTINATION", value_name = "WHERE")]
    destination: String,
    /// On this service port only
    #[arg(long, env = "OUTFLOW_PORT", value_name = "PORT")]
    port: Option<u16>,
    /// Most that may be sent in a day, all that it is about together: 500MB, 2GiB
    #[arg(long, env = "OUTFLOW_MAX_BYTES_PER_DAY", value_name = "SIZE", value_parser = size)]
    max_bytes_per_day: u64,
    /// Who answers for it
    #[arg(long, env = "OUTFLOW_OWNER", value_name = "NAME")]
    owner: String,
    /// Where it was granted
    #[arg(long, env = "OUTFLOW_TICKET", value_name = "ID")]
    ticket: String,
    /// Why
    #[arg(long, env = "OUTFLOW_REASON", value_name = "TEXT")]
    reason: String,
    /// First day of event time on which it holds [default: today, UTC]
    #[arg(long, env = "OUTFLOW_FROM", value_name = "DATE", value_parser = parse_day)]
    from: Option<Day>,
    /// Days that it holds, at most 90
    #[arg(long, env = "OUTFLOW_DAYS", value_name = "N", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(SUPPRESSION_DAYS_MAX)))]
    days: u32,
}

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: String,
    /// The lake whose alerts are looked at, a folder or `s3://BUCKET/PREFIX`
    #[arg(value_name = "LAKE")]
    lake: PathBuf,
    /// What is known to be an attack, as `outflow simulate` labels it
    #[arg(long, env = "OUTFLOW_LABELS", value_name = "FILE")]
    labels: Option<PathBuf>,
    #[command(flatten)]
    s3: S3Args,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// The file
    #[arg(value_name = "FILE", env = "OUTFLOW_SUPPRESSIONS")]
    file: String,
    /// Also how many incidents each hid in this lake
    #[arg(long, env = "OUTFLOW_LAKE", value_name = "DIR")]
    lake: Option<PathBuf>,
    /// The day that tells which are in force [default: today, UTC]
    #[arg(long, env = "OUTFLOW_ON", value_name = "DATE", value_parser = parse_day)]
    on: Option<Day>,
    #[command(flatten)]
    s3: S3Args,
}

/// `config` loads the configuration: it may say how a lake in S3 is reached.
pub(super) fn run(
    verb: &SuppressVerb,
    config: impl FnOnce() -> Result<Config, Error>,
    term: Term,
) -> Result<u8, Error> {
    match verb {
        SuppressVerb::Add(args) => add(args, term),
        SuppressVerb::Test(args) => test(args, config, term),
        SuppressVerb::List(args) => list(args, config, term),
    }
}

/// Today by the clock of this machine: only the command line may ask.
#[expect(clippy::disallowed_methods, reason = "a person adds a suppression today; scoring never asks")]
fn today() -> Day {
    Day(u32::try_from(jiff::Timestamp::now().as_second().div_euclid(86_400)).unwrap_or_default())
}

fn add(args: &AddArgs, term: Term) -> Result<u8, Error> {
    let refuse = |detail: String| Error::usage(detail, "outflow suppress add --help");
    let scope = match (&args.eni, &args.group) {
        (Some(eni), _) => Scope::Eni(eni.clone()),
        (None, group) => Scope::Group(group.clone().unwrap_or_default()),
    };
    let from = args.from.unwrap_or_else(today);
    let network = args.destination.parse().map(Covered::Network);
    let mut suppression = Suppression {
        id: String::new(),
        scope,
        account: args.account.clone(),
        destination: network.unwrap_or_else(|_| Covered::Key(args.destination.clone())),
        port: args.port,
        max_bytes_per_day: args.max_bytes_per_day,
        owner: args.owner.clone(),
        ticket: args.ticket.clone(),
        reason: args.reason.clone(),
        from,
        expires: Day(from.0.saturating_add(args.days)),
    };
    suppression.id = suppress::id_of(&suppression);
    let entry = suppress::entry(&suppression).map_err(refuse)?;
    let path = args.file.display().to_string();
    let mut text = String::new();
    if args.file.exists() {
        let (known, _) = read_suppressions(&path)?;
        if known.iter().any(|other| other.id == suppression.id) {
            return Err(refuse(format!("{path} has the same suppression already, {}", suppression.id)));
        }
        text = std::fs::read_to_string(&args.file).map_err(|source| Error::Read { path, source })?;
    }
    if !text.is_empty() {
        text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
    }
    text.push_str(&entry);
    let mut output = Output::open(Some(&args.file), true, term)?;
    output.write(&text)?;
    output.finish()?;
    term.print(&format!("{}\n", suppression.id))?;
    Ok(0)
}

fn test(args: &TestArgs, config: impl FnOnce() -> Result<Config, Error>, term: Term) -> Result<u8, Error> {
    let (suppressions, _) = read_suppressions(&args.file)?;
    let mut attacks = args.labels.as_deref().map(cases).transpose()?.unwrap_or_default();
    attacks.retain(|case| case.kind == Kind::Attack);
    let alerts = all_alerts(&args.s3.lake(&args.lake, config)?)?;
    let (mut hidden, mut over_cap, mut attack_hidden) = (0, 0, false);
    let mut out = String::new();
    for (alert, matched) in judged(&suppressions.holding_always(), &alerts) {
        // What was not told anyway is not hidden.
        if !alert.emitted && alert.emitted_reason != "suppressed" {
            continue;
        }
        if !is_hidden(&matched) {
            over_cap += u64::from(!matched.is_empty());
            continue;
        }
        hidden += 1;
        let listed = Listed::from(alert);
        let attack = attacks.iter().find(|case| case.is_hit_by(&listed));
        attack_hidden |= attack.is_some();
        out += &hidden_line(alert, &matched, attack);
    }
    let _ = writeln!(
        out,
        "{} would be hidden of {} told; {} matched and would still be told",
        plural(hidden, "incident"),
        alerts.iter().filter(|alert| alert.emitted || alert.emitted_reason == "suppressed").count(),
        over_cap,
    );
    term.print(&out)?;
    if attack_hidden {
        term.must_say("error: it would hide a labelled attack");
        return Ok(HIDES_ATTACK);
    }
    Ok(0)
}

fn hidden_line(alert: &Alert, matched: &[Matched], attack: Option<&Case>) -> String {
    let by = matched.iter().map(|m| m.suppression.id.as_str()).collect::<Vec<_>>().join(" ");
    let attack = attack.map(|case| format!("  ATTACK {} ({})", case.id, case.family)).unwrap_or_default();
    let text = format!(
        "{} {} {} {} to {} {} by {by}{attack}",
        alert.window_start,
        alert.severity.as_str(),
        alert.id,
        alert.eni,
        alert.destination,
        bytes(alert.egress_bytes),
    );
    format!("{}\n", safe(&text))
}

/// What is known to be hidden in the logs.
fn cases(path: &Path) -> Result<Vec<Case>, Error> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|source| Error::Read { path: name.clone(), source })?;
    read_labels(file).map_err(|detail| Error::Stored { path: name, detail })
}

/// Each alert with the suppressions that are about it. Caps look at all alerts of a day together.
fn judged<'a>(suppressions: &Suppressions, alerts: &'a [Alert]) -> Vec<(&'a Alert, Vec<Matched>)> {
    let mut days: BTreeMap<&str, Vec<(&'a Alert, Target<'_>)>> = BTreeMap::new();
    for alert in alerts {
        if let Some(target) = alert.suppression_target() {
            days.entry(alert.window_start.get(..10).unwrap_or_default()).or_default().push((alert, target));
        }
    }
    let mut all = Vec::new();
    for day in days.into_values() {
        let (alerts, targets): (Vec<&Alert>, Vec<Target<'_>>) = day.into_iter().unzip();
        all.extend(alerts.into_iter().zip(suppressions.judge(&targets)));
    }
    all
}

fn all_alerts(lake: &Lake) -> Result<Vec<Alert>, Error> {
    Ok(lake.read_alerts(Day(0)..=Day(u32::MAX))?)
}

fn list(args: &ListArgs, config: impl FnOnce() -> Result<Config, Error>, term: Term) -> Result<u8, Error> {
    let (suppressions, version) = read_suppressions(&args.file)?;
    let on = args.on.unwrap_or_else(today);
    let lake = args.lake.as_deref().map(|root| args.s3.lake(root, config)).transpose()?;
    let alerts = lake.as_ref().map(all_alerts).transpose()?;
    let hits = alerts.map(|alerts| crate::alert::count_hidden(&alerts));
    let mut out = String::new();
    for suppression in suppressions.iter() {
        let hits = hits.as_ref().map(|hits| hits.get(&suppression.id).copied().unwrap_or_default());
        out += &listed(suppression, on, hits);
    }
    let number = suppressions.iter().count() as u64;
    let _ = writeln!(out, "{} in {}, version {}", plural(number, "suppression"), args.file, version.blake3);
    term.print(&out)?;
    Ok(0)
}

fn listed(suppression: &Suppression, on: Day, hits: Option<u64>) -> String {
    let Suppression { id, owner, ticket, reason, from, expires, max_bytes_per_day, .. } = suppression;
    let state = match () {
        () if on < *from => format!("from {}", from.date()),
        () if on >= *expires => format!("expired {}", expires.date()),
        () => format!("until {} ({} left)", expires.date(), plural(u64::from(expires.0 - on.0), "day")),
    };
    let scope = match &suppression.scope {
        Scope::Eni(eni) => eni.clone(),
        Scope::Group(group) => format!("group {group}"),
    };
    let destination = match &suppression.destination {
        Covered::Network(prefix) => prefix.to_string(),
        Covered::Key(key) => key.clone(),
    };
    let port = suppression.port.map(|port| format!(" port {port}")).unwrap_or_default();
    let hits = hits.map(|hits| format!(", hid {}", plural(hits, "incident"))).unwrap_or_default();
    let text = format!(
        "{id}  {state}  {scope} to {destination}{port}, at most {} a day{hits}; {owner}, {ticket}: {reason}",
        bytes(*max_bytes_per_day)
    );
    format!("{}\n", safe(&text))
}

/// `500MB`, `2GiB`, `1000` to bytes, above 0.
fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("B", 1),
    ];
    let refuse = || "use a number and a unit: 500MB, 2GiB".to_owned();
    let unit = UNITS.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)));
    let (number, scale) = unit.unwrap_or((text, 1));
    let number: u64 = number.trim().parse().map_err(|_| refuse())?;
    number.checked_mul(scale).filter(|bytes| *bytes > 0).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("500MB"), Ok(500_000_000));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        assert_eq!(size("7"), Ok(7));
        for bad in ["", "0", "-1", "1.5GB", "GB", "99999999999TB", "1XB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
