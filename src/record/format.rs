//! Which column of a line holds what, worked out once per header.
//!
//! The layout comes from the header line or from a configured list of fields. It is never
//! guessed from the version, the position or the number of tokens: two different 29-field
//! orders are in the wild, and `version` is only the highest version among the fields.

use super::fields::{self, Target};
use crate::limits;

/// Columns of the default format: the first fields of the table, in that order.
const DEFAULT_COLUMNS: usize = 14;
/// Those of them that fill anything: all but the version.
pub(crate) const DEFAULT_NEEDED: usize = 13;

/// One column: what it fills and what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// What it fills.
    pub(crate) target: Target,
    /// Its name when a table of ours knows it.
    pub(crate) name: Option<&'static str>,
}

/// The columns of one format, in line order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnPlan {
    pub(crate) columns: Vec<Column>,
    /// First header token; a line that begins with it is a header again.
    pub(crate) first_token: Vec<u8>,
    /// Whether the format has an `instance-id` column.
    pub(crate) has_instance: bool,
    /// Whether the format is a transit gateway's: any `tgw-*` column.
    pub(crate) is_transit_gateway: bool,
    /// Whether the format says when the flow was.
    pub(crate) has_time: bool,
    /// The columns that fill anything and their places, in line order; complete for formats of up
    /// to 256 columns, which are all.
    pub(crate) needed: Vec<(Target, u8)>,
    /// Whether the first columns are those of the default format: nearly all formats begin so.
    pub(crate) begins_by_default: bool,
    /// Whether there are columns of which `text::settle` chooses one.
    pub(crate) has_spares: bool,
    /// Names no table of ours knows, sorted, at most `limits::UNKNOWN_COLUMNS_MAX`.
    pub(crate) unknown: Vec<String>,
}

/// The configured list of fields cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// No name in it.
    #[error("the list of fields is empty; write names such as `version account-id interface-id`")]
    Empty,
    /// A name one or two letters away from a field's. Names unlike any are tolerated, because
    /// AWS adds fields; but people type these lists, and a typo must not become a column that
    /// nobody reads.
    #[error("`{name}` is not a flow log field; did you mean `{nearest}`?")]
    Typo {
        /// The name as given.
        name: String,
        /// The field it resembles.
        nearest: &'static str,
    },
    /// More names than `limits::COLUMNS_MAX`.
    #[error("more than {} fields", limits::COLUMNS_MAX)]
    TooMany,
}

impl ColumnPlan {
    /// The plan of a configured format: `${field} ${field}` as the API writes it, or plain names,
    /// parted by spaces or commas.
    ///
    /// # Errors
    /// When it is empty, too long or holds a mistyped field name.
    pub fn from_config(text: &str) -> Result<Self, FormatError> {
        let names: Vec<&[u8]> = text
            .split(|c: char| c == ',' || c.is_whitespace())
            .map(|name| name.strip_prefix("${").and_then(|n| n.strip_suffix('}')).unwrap_or(name))
            .filter(|name| !name.is_empty())
            .map(str::as_bytes)
            .collect();
        if names.is_empty() {
            return Err(FormatError::Empty);
        }
        if names.len() > limits::COLUMNS_MAX {
            return Err(FormatError::TooMany);
        }
        let plan = Self::of_names(&names);
        for name in &plan.unknown {
            if let Some(nearest) = nearest_name(name) {
                return Err(FormatError::Typo { name: name.clone(), nearest });
            }
        }
        Ok(plan)
    }

    /// The plan of a header line, or `None` when the line is not a header: at least half of its
    /// tokens must be names of known fields. New AWS columns thus never stop a file, and no data
    /// line is mistaken, because no value of a flow log is the name of a field.
    pub fn from_header(line: &[u8]) -> Option<Self> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let mut names = Vec::new();
        let mut known = 0;
        for name in line.split(|&b| b == b' ').filter(|name| !name.is_empty()) {
            if names.len() == limits::COLUMNS_MAX {
                return None;
            }
            known += usize::from(fields::find(name).is_some());
            names.push(name);
        }
        (known >= 1 && known * 2 >= names.len()).then(|| Self::of_names(&names))
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether it has no column; never so for a plan that was built.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether a line begins like the header this plan came from.
    #[inline]
    pub(crate) fn looks_like_header(&self, line: &[u8]) -> bool {
        line.first() == self.first_token.first()
            && line
                .strip_prefix(self.first_token.as_slice())
                .is_some_and(|rest| rest.first().is_none_or(|&b| b == b' '))
    }

    fn of_names(names: &[&[u8]]) -> Self {
        let mut unknown = Vec::new();
        let mut columns: Vec<Column> = Vec::with_capacity(names.len());
        for name in names {
            let Some(field) = fields::find(name) else {
                unknown.push(String::from_utf8_lossy(name).into_owned());
                columns.push(Column { target: Target::Skip, name: None });
                continue;
            };
            // AWS refuses formats that name a field twice; should one come, the first counts.
            let repeated = columns.iter().any(|c| c.name == Some(field.name));
            let target = if repeated { Target::Skip } else { field.target };
            columns.push(Column { target, name: Some(field.name) });
        }
        unknown.sort();
        unknown.dedup();
        unknown.truncate(limits::UNKNOWN_COLUMNS_MAX);
        let has = |target| columns.iter().any(|c: &Column| c.target == target);
        let is_transit_gateway = columns.iter().any(|c| c.name.is_some_and(|n| n.starts_with("tgw-")));
        let default = fields::FIELDS[..DEFAULT_COLUMNS].iter().map(|field| field.target);
        let begins = columns.iter().map(|column| column.target).take(DEFAULT_COLUMNS);
        let placed = columns.iter().map(|column| column.target).zip(0..=u8::MAX);
        Self {
            needed: placed.filter(|(target, _)| *target != Target::Skip).collect(),
            begins_by_default: default.eq(begins),
            has_spares: is_transit_gateway || !has(Target::Interface) || fields::SPARES.into_iter().any(has),
            has_instance: has(Target::Instance),
            has_time: has(Target::Start) || has(Target::End),
            is_transit_gateway,
            first_token: names.first().map(|n| n.to_vec()).unwrap_or_default(),
            columns,
            unknown,
        }
    }
}

/// The known field name within two edits.
fn nearest_name(name: &str) -> Option<&'static str> {
    fields::FIELDS
        .iter()
        .map(|f| (strsim::osa_distance(f.name, name), f.name))
        .filter(|&(distance, _)| distance <= 2)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &[u8] = fields::DEFAULT_VPC_FORMAT.as_bytes();

    #[test]
    fn a_header_is_a_line_of_which_half_the_tokens_are_field_names() {
        assert_eq!(ColumnPlan::from_header(V2).unwrap().len(), 14);
        let some_new = b"version srcaddr brand-new-1 brand-new-2";
        let plan = ColumnPlan::from_header(some_new).unwrap();
        assert_eq!(plan.unknown, ["brand-new-1", "brand-new-2"]);
        for line in [
            b"2 123456789012 eni-1 - - - - - - - 1 2 - NODATA".as_slice(),
            b"version brand-new-1 brand-new-2",
            b"bogus line",
            b"",
            b"   ",
        ] {
            assert_eq!(ColumnPlan::from_header(line), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn configured_formats_come_with_and_without_dollar_signs() {
        let plain = ColumnPlan::from_header(V2).unwrap();
        let api: Vec<String> = fields::DEFAULT_VPC_FORMAT.split(' ').map(|n| format!("${{{n}}}")).collect();
        for text in [api.join(" "), fields::DEFAULT_VPC_FORMAT.replace(' ', ","), api.join(", ")] {
            assert_eq!(ColumnPlan::from_config(&text).unwrap(), plain, "{text}");
        }
    }

    #[test]
    fn a_typo_in_a_configured_format_is_named() {
        let error = ColumnPlan::from_config("version srcadr").unwrap_err();
        assert_eq!(error.to_string(), "`srcadr` is not a flow log field; did you mean `srcaddr`?");
        let new = ColumnPlan::from_config("version srcaddr quantum-state").unwrap();
        assert_eq!(new.unknown, ["quantum-state"]);
        assert_eq!(ColumnPlan::from_config(" , "), Err(FormatError::Empty));
        let many = vec!["version"; limits::COLUMNS_MAX + 1].join(" ");
        assert_eq!(ColumnPlan::from_config(&many), Err(FormatError::TooMany));
    }

    #[test]
    fn more_columns_than_the_limit_are_no_header() {
        let many = vec!["version"; limits::COLUMNS_MAX + 1].join(" ");
        assert_eq!(ColumnPlan::from_header(many.as_bytes()), None);
    }

    #[test]
    fn a_repeated_header_is_recognised_by_its_first_token() {
        let plan = ColumnPlan::from_header(b"start end bytes").unwrap();
        assert!(plan.looks_like_header(b"start end bytes"));
        assert!(!plan.looks_like_header(b"started end bytes"));
        assert!(!plan.looks_like_header(b"5 6 7"));
        assert!(!plan.looks_like_header(b""));
    }

    #[test]
    fn formats_that_begin_as_the_default_are_known() {
        for (header, expected) in [
            (fields::DEFAULT_VPC_FORMAT.to_owned(), true),
            (format!("{} vpc-id", fields::DEFAULT_VPC_FORMAT), true),
            (fields::DEFAULT_VPC_FORMAT.replace(" action", " vpc-id"), false),
            (format!("vpc-id {}", fields::DEFAULT_VPC_FORMAT), false),
            ("version account-id".to_owned(), false),
        ] {
            let plan = ColumnPlan::from_header(header.as_bytes()).unwrap();
            assert_eq!(plan.begins_by_default, expected, "{header}");
            let needed = plan.needed.iter().filter(|(_, column)| usize::from(*column) < DEFAULT_COLUMNS);
            assert!(!expected || needed.count() == DEFAULT_NEEDED);
        }
    }

    #[test]
    fn transit_gateway_formats_are_known_by_their_columns() {
        let tgw = ColumnPlan::from_header(fields::DEFAULT_TGW_FORMAT.as_bytes()).unwrap();
        assert!(tgw.is_transit_gateway);
        assert!(!ColumnPlan::from_header(V2).unwrap().is_transit_gateway);
    }
}
