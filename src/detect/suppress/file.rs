//! The file of suppressions: TOML, one `[[suppression]]` each, made by `outflow suppress add` or by
//! hand, reviewed like code. Every mistake is told with its line; a wrong file hides nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{Covered, Scope, Suppression, Suppressions};
use crate::limits::{SUPPRESSION_DAYS_MAX, SUPPRESSIONS_MAX};
use crate::net::Prefix;
use crate::window::Day;

/// Shortest prefixes that may be suppressed: more than that is "everything".
const PREFIX_BITS_MIN_V4: u8 = 96 + 8;
const PREFIX_BITS_MIN_V6: u8 = 20;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    /// 1-based line.
    pub line: usize,
    /// What is wrong.
    pub text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    suppression: Vec<Spanned<Entry>>,
}

/// One entry as it is written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    eni: Option<String>,
    group: Option<String>,
    account: Option<String>,
    destination: String,
    port: Option<u16>,
    max_bytes_per_day: i64,
    owner: String,
    ticket: String,
    reason: String,
    from: String,
    expires: String,
}

/// Reads a file.
///
/// # Errors
/// All mistakes, with their lines.
pub fn read(text: &str) -> Result<Suppressions, Vec<FileProblem>> {
    let line_of = |at: usize| 1 + text.as_bytes().iter().take(at).filter(|b| **b == b'\n').count();
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(span.start));
        vec![FileProblem { line, text: error.message().to_owned() }]
    })?;
    let (mut list, mut problems, mut ids) = (Vec::new(), Vec::new(), BTreeSet::new());
    for spanned in file.suppression {
        let line = line_of(spanned.span().start);
        let entry = spanned.into_inner();
        if !ids.insert(entry.id.clone()) {
            problems.push(FileProblem { line, text: format!("the id `{}` is there twice", entry.id) });
        }
        match entry.checked() {
            Ok(suppression) => list.push(suppression),
            Err(text) => problems.push(FileProblem { line, text }),
        }
    }
    if list.len() > SUPPRESSIONS_MAX {
        problems.push(FileProblem { line: 1, text: format!("it has more than {SUPPRESSIONS_MAX} entries") });
    }
    if problems.is_empty() { Ok(Suppressions::new(list)) } else { Err(problems) }
}

impl Entry {
    fn checked(self) -> Result<Suppression, String> {
        let is_id = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.id.is_empty() || self.id.len() > 64 || !self.id.chars().all(is_id) {
            return Err("`id` wants 1 to 64 letters, digits, `-`, `_` or `.`".to_owned());
        }
        for (name, value) in [("owner", &self.owner), ("ticket", &self.ticket), ("reason", &self.reason)] {
            if value.trim().is_empty() {
                return Err(format!("`{name}` is empty; somebody has to answer for it"));
            }
        }
        let scope = match (self.eni, self.group) {
            (Some(eni), None) if !eni.is_empty() => Scope::Eni(eni),
            (None, Some(group)) if !group.is_empty() => Scope::Group(group),
            _ => return Err("it wants either `eni` or `group`".to_owned()),
        };
        let (from, expires) = (parse_day(&self.from)?, parse_day(&self.expires)?);
        if expires <= from || expires.0 - from.0 > SUPPRESSION_DAYS_MAX {
            return Err(format!("`expires` is 1 to {SUPPRESSION_DAYS_MAX} days after `from`"));
        }
        let max_bytes_per_day = u64::try_from(self.max_bytes_per_day).ok().filter(|max| *max > 0);
        Ok(Suppression {
            id: self.id,
            scope,
            account: self.account,
            destination: covered(&self.destination)?,
            port: self.port,
            max_bytes_per_day: max_bytes_per_day.ok_or("`max_bytes_per_day` is at least 1")?,
            owner: self.owner,
            ticket: self.ticket,
            reason: self.reason,
            from,
            expires,
        })
    }
}

/// A prefix, or a destination key as alerts show it.
fn covered(text: &str) -> Result<Covered, String> {
    if text.strip_prefix("aws:").or_else(|| text.strip_prefix("name:")).is_some_and(|rest| !rest.is_empty()) {
        return Ok(Covered::Key(text.to_owned()));
    }
    let prefix: Prefix = text.parse().map_err(|_| {
        format!(
            "`destination` wants a prefix such as 203.0.113.0/24, `aws:NAME` or `name:NAME`, not `{text}`"
        )
    })?;
    let least = if prefix.addr().is_v4() { PREFIX_BITS_MIN_V4 } else { PREFIX_BITS_MIN_V6 };
    if prefix.len128() < least {
        return Err(format!("`destination` {text} is too wide; at least /8 or, in IPv6, /20"));
    }
    Ok(Covered::Network(prefix))
}

/// The day that `YYYY-MM-DD` names.
///
/// # Errors
/// When it names none.
pub fn parse_day(text: &str) -> Result<Day, String> {
    let refuse = || format!("`{text}` is no date such as 2026-03-01");
    let date: jiff::civil::Date = text.parse().map_err(|_| refuse())?;
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| refuse())?.timestamp();
    let day = Day(u32::try_from(start.as_second().div_euclid(86_400)).map_err(|_| refuse())?);
    if day.date().to_string() == text { Ok(day) } else { Err(refuse()) }
}

/// An id made of what the suppression is about, so that adding the same twice is noticed.
pub fn id_of(suppression: &Suppression) -> String {
    let text = format!(
        "{:?} {:?} {:?} {:?} {}",
        suppression.scope, suppression.account, suppression.destination, suppression.port, suppression.from.0
    );
    format!("sup-{}", &blake3::hash(text.as_bytes()).to_hex()[..10])
}

/// A suppression as its part of the file.
///
/// # Errors
/// When it is not one that could be read back.
pub fn entry(suppression: &Suppression) -> Result<String, String> {
    let (eni, group) = match &suppression.scope {
        Scope::Eni(eni) => (Some(eni.clone()), None),
        Scope::Group(group) => (None, Some(group.clone())),
    };
    let written = Entry {
        id: suppression.id.clone(),
        eni,
        group,
        account: suppression.account.clone(),
        destination: match &suppression.destination {
            Covered::Network(prefix) => prefix.to_string(),
            Covered::Key(key) => key.clone(),
        },
        port: suppression.port,
        max_bytes_per_day: i64::try_from(suppression.max_bytes_per_day).unwrap_or(i64::MAX),
        owner: suppression.owner.clone(),
        ticket: suppression.ticket.clone(),
        reason: suppression.reason.clone(),
        from: suppression.from.date().to_string(),
        expires: suppression.expires.date().to_string(),
    };
    written.clone().checked()?;
    let mut text = String::from("[[suppression]]\n");
    let body = toml::to_string(&written).map_err(|error| error.to_string())?;
    let _ = write!(text, "{body}");
    Ok(text)
}
