//! MaxMind-format databases, of whichever vendor: `GeoLite2` and `GeoIP2`, DB-IP, `IPinfo`.

use maxminddb::{PathElement, Reader};
use serde::Deserialize;

use crate::limits::TABLE_TEXT_CHARS_MAX;
use crate::net::Prefix;

/// Where vendors keep the number of the autonomous system.
const ASN: [&[&str]; 2] = [&["autonomous_system_number"], &["asn"]];
const AS_NAME: [&[&str]; 3] = [&["autonomous_system_organization"], &["as_name"], &["name"]];
const COUNTRY: [&[&str]; 4] =
    [&["country", "iso_code"], &["registered_country", "iso_code"], &["country_code"], &["country"]];

/// An open database.
#[derive(Debug)]
pub(super) struct Mmdb(Reader<Vec<u8>>);

impl Mmdb {
    /// Takes the bytes of a database.
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self, String> {
        Reader::from_source(bytes).map(Self).map_err(|error| error.to_string())
    }

    /// Number and name of the autonomous system.
    pub(super) fn system(&self, peer: Prefix) -> (Option<u32>, String) {
        let number = ASN.iter().find_map(|path| {
            let number: Option<u32> = self.at(peer, path);
            // `IPinfo` writes "AS64500".
            number.or_else(|| {
                let text: Option<&str> = self.at(peer, path);
                text.and_then(|text| text.trim_start_matches("AS").parse().ok())
            })
        });
        (number, self.text(peer, &AS_NAME))
    }

    /// Country, ISO 3166 alpha-2; empty when unknown.
    pub(super) fn country(&self, peer: Prefix) -> String {
        let code = self.text(peer, &COUNTRY);
        if code.len() == 2 { code } else { String::new() }
    }

    fn text(&self, peer: Prefix, paths: &[&[&str]]) -> String {
        let found = paths.iter().find_map(|path| self.at::<&str>(peer, path));
        found.unwrap_or_default().chars().take(TABLE_TEXT_CHARS_MAX).collect()
    }

    /// The value at a path, when one network of the database holds all of `peer`. A damaged entry
    /// says nothing.
    fn at<'a, T: Deserialize<'a>>(&'a self, peer: Prefix, path: &[&str]) -> Option<T> {
        let found = self.0.lookup(peer.addr().ip()).ok()?;
        let network = found.network().ok()?;
        let family_bits = if network.is_ipv4() { 96 } else { 0 };
        if network.prefix() + family_bits > peer.len128() {
            return None;
        }
        let path: Vec<PathElement<'_>> = path.iter().map(|key| PathElement::Key(key)).collect();
        found.decode_path(&path).ok().flatten()
    }
}
