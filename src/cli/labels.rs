//! Reads what is known to be hidden in logs, as `outflow simulate` writes it.

use std::path::Path;

use crate::error::Error;
use crate::simulate::{Label, LabelKind};

/// The labels of a file. Columns are found by name; `id`, `kind`, `eni`, `peers`, `start` and `end` have
/// to be there.
pub(super) fn read_labels(path: &Path) -> Result<Vec<Label>, Error> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: name.clone(), source })?;
    parse(&text).map_err(|detail| Error::Stored { path: name, detail })
}

fn parse(text: &str) -> Result<Vec<Label>, String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let column = |name: &str| header.iter().position(|have| have == name);
    for name in ["id", "kind", "eni", "peers", "start", "end"] {
        column(name).ok_or_else(|| format!("it has no column `{name}`"))?;
    }
    let mut labels = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| error.to_string())?;
        let line = row.position().map_or(0, csv::Position::line);
        let text = |name: &str| column(name).and_then(|at| row.get(at)).unwrap_or_default().to_owned();
        let second = |name: &str| {
            let time: Result<jiff::Timestamp, _> = text(name).parse();
            time.map(jiff::Timestamp::as_second).map_err(|_| format!("line {line}: `{name}` is no time"))
        };
        let kinds = [LabelKind::Attack, LabelKind::RelayCopy, LabelKind::LookAlike];
        let kind = kinds.into_iter().find(|kind| kind.as_str() == text("kind"));
        labels.push(Label {
            id: text("id"),
            kind: kind.ok_or_else(|| format!("line {line}: `{}` is no kind of label", text("kind")))?,
            family: text("family"),
            variant: text("variant"),
            account: text("account"),
            region: text("region"),
            eni: text("eni"),
            peers: text("peers").split_whitespace().map(str::to_owned).collect(),
            start_second: second("start")?,
            end_second: second("end")?,
            egress_bytes: text("egress_bytes").parse().ok(),
            visible: text("visible") != "false",
            note: text("note"),
        });
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::labels_csv;

    #[test]
    fn what_simulate_writes_reads_back() {
        let label = Label {
            id: "burst-1".into(),
            kind: LabelKind::LookAlike,
            family: "burst".into(),
            variant: "new, \"fast\"".into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            eni: "eni-1".into(),
            peers: vec!["192.0.2.1".into(), "2001:db8::/32".into()],
            start_second: 60,
            end_second: 119,
            egress_bytes: None,
            visible: false,
            note: String::new(),
        };
        assert_eq!(parse(&labels_csv(std::slice::from_ref(&label))).unwrap(), [label]);
    }

    #[test]
    fn mistakes_have_their_line() {
        assert!(parse("id,kind\n").unwrap_err().contains("no column `eni`"));
        let bad = "id,kind,eni,peers,start,end\na,attack,eni-1,,x,2026-01-01T00:00:00Z\n";
        assert_eq!(parse(bad).unwrap_err(), "line 2: `start` is no time");
        let bad = "id,kind,eni,peers,start,end\na,odd,eni-1,,x,x\n";
        assert!(parse(bad).unwrap_err().contains("`odd` is no kind"));
    }
}
