//! How addresses and prefixes are stored: an address as its text, a prefix as its address and its
//! length in the 128-bit space, because the text of an IPv4 prefix wider than /0 would not read
//! back.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Addr, AddrText, Prefix};

impl Serialize for Addr {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // The standard library's text of a v4-mapped IPv6 address reads back as IPv4, as it was.
        to.serialize_str(AddrText::of(*self).as_str())
    }
}

impl<'de> Deserialize<'de> for Addr {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse::<std::net::IpAddr>().map(Self::from).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.addr(), self.len128()).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (addr, len128) = <(Addr, u8)>::deserialize(from)?;
        if len128 > 128 {
            return Err(serde::de::Error::custom("a prefix has at most 128 bits"));
        }
        Ok(Self::from_parts(addr, len128))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_reads_back() {
        for text in ["203.0.113.9", "203.0.113.0/24", "2001:db8::/48", "2001:db8::1", "0.0.0.0/0"] {
            let prefix: Prefix = text.parse().unwrap();
            for prefix in [prefix, Prefix::from_parts(prefix.addr(), 40)] {
                let stored = serde_json::to_string(&prefix).unwrap();
                assert_eq!(serde_json::from_str::<Prefix>(&stored).unwrap(), prefix, "{stored}");
            }
        }
        assert!(serde_json::from_str::<Prefix>(r#"["10.0.0.0",129]"#).is_err());
        assert!(serde_json::from_str::<Addr>("\"10.0.0\"").is_err());
    }
}
