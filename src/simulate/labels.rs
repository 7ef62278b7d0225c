//! What is hidden in the logs: the answer key.

use std::fmt::Write as _;

/// What a label stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LabelKind {
    /// Data that left and should not have.
    Attack,
    /// The copy of an attack at the NAT gateway it left through: neither a second attack to be
    /// found nor a false alarm when it is.
    RelayCopy,
    /// A benign change that must not alert.
    LookAlike,
}

impl LabelKind {
    /// Name in the label file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attack => "attack",
            Self::RelayCopy => "relay_copy",
            Self::LookAlike => "look_alike",
        }
    }
}

/// One ENI's part in one attack or look-alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The same for all ENIs of one attack or change.
    pub id: String,
    /// Attack or not.
    pub kind: LabelKind,
    /// Family, as in [`super::Family::as_str`], or the kind of change.
    pub family: String,
    /// What is special about this instance.
    pub variant: String,
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// ENI id.
    pub eni: String,
    /// Addresses or prefixes the data went to; empty when nothing can be seen.
    pub peers: Vec<String>,
    /// First second, Unix.
    pub start_second: i64,
    /// Last second, Unix, inclusive.
    pub end_second: i64,
    /// IP bytes the ENI sent because of this, as its records hold them (before SKIPDATA losses);
    /// `None` for changes that scale other traffic.
    pub egress_bytes: Option<u64>,
    /// Whether flow logs can show it: tunnels through the VPC resolver are not logged.
    pub visible: bool,
    /// For people.
    pub note: String,
}

/// Columns of the label file.
const HEADER: &str = "id,kind,family,variant,account,region,eni,peers,start,end,egress_bytes,visible,note\n";

/// The label file: CSV, RFC 3339 UTC times, peers separated by spaces.
pub fn labels_csv(labels: &[Label]) -> String {
    let mut text = HEADER.to_owned();
    for label in labels {
        let bytes = label.egress_bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{},{},{},{},{},{},{},{},{},{},{},{},{}",
            label.id,
            label.kind.as_str(),
            label.family,
            quoted(&label.variant),
            label.account,
            label.region,
            label.eni,
            quoted(&label.peers.join(" ")),
            rfc3339(label.start_second),
            rfc3339(label.end_second),
            bytes,
            label.visible,
            quoted(&label.note),
        );
    }
    text
}

fn rfc3339(second: i64) -> String {
    jiff::Timestamp::from_second(second).unwrap_or_default().to_string()
}

/// RFC 4180 quoting, only where needed.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_line_of_thirteen_columns() {
        let label = Label {
            id: "burst-1".into(),
            kind: LabelKind::Attack,
            family: "burst".into(),
            variant: "new network, fast".into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            eni: "eni-1".into(),
            peers: vec!["251.0.0.1".into(), "251.0.0.2".into()],
            start_second: 0,
            end_second: 59,
            egress_bytes: Some(7),
            visible: true,
            note: String::new(),
        };
        let text = labels_csv(&[label]);
        assert_eq!(HEADER.split(',').count(), 13);
        assert_eq!(
            text.lines().nth(1).unwrap(),
            "burst-1,attack,burst,\"new network, fast\",123456789012,eu-west-1,eni-1,251.0.0.1 251.0.0.2,\
             1970-01-01T00:00:00Z,1970-01-01T00:00:59Z,7,true,"
        );
    }
}
