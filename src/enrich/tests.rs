use super::*;

const ASN_DB: &[u8] = include_bytes!("../../testdata/enrich/asn.mmdb");
const COUNTRY_DB: &[u8] = include_bytes!("../../testdata/enrich/country.mmdb");
const IP_RANGES: &[u8] = include_bytes!("../../testdata/enrich/ip-ranges.json");
const NAMES: &[u8] = include_bytes!("../../testdata/enrich/names.csv");

fn all() -> Tables {
    let mut tables = Tables::default();
    for (kind, bytes) in [
        (TableKind::IpRanges, IP_RANGES),
        (TableKind::AsnDb, ASN_DB),
        (TableKind::CountryDb, COUNTRY_DB),
        (TableKind::Names, NAMES),
    ] {
        tables.add(kind, bytes.to_vec()).unwrap();
    }
    tables
}

fn about(tables: &Tables, peer: &str) -> String {
    tables.about(peer.parse().unwrap()).to_string()
}

#[test]
fn each_table_says_its_part() {
    let tables = all();
    assert_eq!(about(&tables, "203.0.113.9"), "AS64500 Example Hosting (NL)");
    assert_eq!(about(&tables, "203.0.113.0/24"), "AS64500 Example Hosting (NL)");
    assert_eq!(about(&tables, "198.51.100.7"), "AWS S3 of eu-west-1, AS64501 Example Cloud (US)");
    assert_eq!(about(&tables, "198.51.100.200"), "AWS AMAZON of eu-west-1, AS64501 Example Cloud (US)");
    assert_eq!(about(&tables, "192.0.2.70"), "backup-partner");
    assert_eq!(about(&tables, "2001:db8:7::1"), "AWS S3 of us-east-1, AS64502 Example Six (DE)");
    assert_eq!(about(&tables, "198.18.0.1"), "");
    // Wider than what the databases know as one network: nothing is claimed of all of it.
    assert_eq!(about(&tables, "203.0.0.0/8"), "");
}

#[test]
fn the_more_telling_service_of_a_prefix_counts() {
    let services = all().services();
    let of = |peer: &str| services.find(peer.parse().unwrap()).map(ToString::to_string);
    assert_eq!(of("198.51.100.7").as_deref(), Some("S3"));
    assert_eq!(of("198.51.100.200").as_deref(), Some("AMAZON"));
    assert_eq!(of("192.0.2.70"), None);
}

#[test]
fn a_table_of_something_else_is_refused_with_its_place() {
    let refused = |kind, bytes: &[u8]| Tables::default().add(kind, bytes.to_vec()).unwrap_err().to_string();
    assert!(refused(TableKind::IpRanges, b"{\"prefixes\":[]}").contains("no prefix"));
    assert!(refused(TableKind::IpRanges, b"<html>").contains("line 1"));
    let bad = b"{\"prefixes\":[{\"ip_prefix\":\"x\",\"service\":\"S3\",\"region\":\"r\"}]}";
    assert!(refused(TableKind::IpRanges, bad).contains("`x` is no prefix"));
    assert!(refused(TableKind::AsnDb, &ASN_DB[..ASN_DB.len() / 2]).contains("no asn_db"));
    assert!(refused(TableKind::CountryDb, b"").contains("no country_db"));
    assert!(refused(TableKind::Names, b"a,b\n").contains("no column `prefix`"));
    let second = b"prefix,name\n192.0.2.0/24,ok\n192.0.2.0/99,bad\n";
    assert!(refused(TableKind::Names, second).contains("line 3: `192.0.2.0/99`"));
    let long = format!("prefix,name\n192.0.2.0/24,{}\n", "x".repeat(5_000));
    assert!(refused(TableKind::Names, long.as_bytes()).contains("line 2: a text has more than"));
}

#[test]
fn a_damaged_database_says_nothing_or_is_refused_and_never_panics() {
    for at in (0..ASN_DB.len()).step_by(7) {
        let mut bytes = ASN_DB.to_vec();
        bytes[at] ^= 0x5a;
        let mut tables = Tables::default();
        if tables.add(TableKind::AsnDb, bytes).is_ok() {
            for peer in ["203.0.113.9", "2001:db8:7::1", "0.0.0.1", "198.51.100.7"] {
                let _ = about(&tables, peer);
            }
        }
    }
}

#[test]
fn versions_are_of_the_bytes() {
    let tables = all();
    let kinds: Vec<_> = tables.versions().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["ip_ranges", "asn_db", "country_db", "names"]);
    let mut other = all();
    other.add(TableKind::Names, b"prefix,name\n192.0.2.0/24,other\n".to_vec()).unwrap();
    let differ = tables.versions().zip(other.versions()).filter(|(a, b)| a != b).count();
    assert_eq!(differ, 1);
}
