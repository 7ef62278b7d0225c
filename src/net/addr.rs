//! Addresses and prefixes: one 128-bit space for both families.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU128;
use std::str::FromStr;

use super::addr_text::AddrText;

/// `::ffff:0:0/96`, where IPv4 lives inside the IPv6 space (RFC 4291 section 2.5.5.2).
const V4_MAPPED: u128 = 0xffff_0000_0000;

/// An IP address as one integer; IPv4 is stored v4-mapped. `::` cannot be held: in a flow
/// record it never routes anywhere, so it reads as absent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr(NonZeroU128);

impl Addr {
    /// An IPv4 address from its 32 bits in host order.
    #[inline]
    pub fn from_v4(bits: u32) -> Self {
        Self(NonZeroU128::MIN.saturating_add(V4_MAPPED - 1) | u128::from(bits))
    }

    /// An address from its 128 bits in host order; `None` for `::`.
    #[inline]
    pub fn from_bits(bits: u128) -> Option<Self> {
        NonZeroU128::new(bits).map(Self)
    }

    /// The 128 bits in host order.
    #[inline]
    pub fn bits(self) -> u128 {
        self.0.get()
    }

    /// Whether this is an IPv4 address.
    #[inline]
    pub fn is_v4(self) -> bool {
        self.bits() >> 32 == V4_MAPPED >> 32
    }

    /// The 32 bits of an IPv4 address in host order; `None` for IPv6.
    #[inline]
    pub fn v4_bits(self) -> Option<u32> {
        self.is_v4().then_some(self.bits() as u32)
    }

    /// The standard library's view of it.
    pub fn ip(self) -> IpAddr {
        if self.is_v4() {
            IpAddr::V4(Ipv4Addr::from(self.bits() as u32))
        } else {
            IpAddr::V6(Ipv6Addr::from(self.bits()))
        }
    }
}

impl From<IpAddr> for Addr {
    /// `::` becomes `::1`'s neighbour nobody uses: callers that can meet it use `from_bits`.
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self::from_v4(u32::from(v4)),
            IpAddr::V6(v6) => Self(NonZeroU128::new(u128::from(v6)).unwrap_or(NonZeroU128::MIN)),
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(AddrText::of(*self).as_str())
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

/// An address with the number of its leading bits that count. Host bits are zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    addr: Addr,
    /// Leading bits in the 128-bit space: an IPv4 /24 is 120. In [0, 128].
    len: u8,
}

impl Prefix {
    /// The single address.
    #[inline]
    pub fn host(addr: Addr) -> Self {
        Self { addr, len: 128 }
    }

    /// `addr` cut to `v4_len` bits when it is IPv4 (0..=32) and to `v6_len` otherwise (0..=128).
    #[inline]
    pub fn cut(addr: Addr, v4_len: u8, v6_len: u8) -> Self {
        let len = if addr.is_v4() { 96 + v4_len.min(32) } else { v6_len.min(128) };
        let bits = addr.bits() & mask(len);
        // A v6 prefix whose kept bits are all zero keeps its lowest bit so that it stays an Addr.
        Self { addr: Addr::from_bits(bits).unwrap_or(Addr(NonZeroU128::MIN)), len }
    }

    /// This prefix cut shorter, never longer.
    #[inline]
    #[must_use]
    pub fn widen(self, v4_len: u8, v6_len: u8) -> Self {
        let cut = Self::cut(self.addr, v4_len, v6_len);
        if cut.len < self.len { cut } else { self }
    }

    /// Its first address.
    #[inline]
    pub fn addr(self) -> Addr {
        self.addr
    }

    /// Leading bits in the 128-bit space: an IPv4 /24 is 120.
    #[inline]
    pub fn len128(self) -> u8 {
        self.len
    }

    /// Whether it is one address.
    #[inline]
    pub fn is_host(self) -> bool {
        self.len == 128
    }

    /// Whether `addr` lies in it.
    #[inline]
    pub fn contains(self, addr: Addr) -> bool {
        (addr.bits() ^ self.addr.bits()) & mask(self.len) == 0
    }

    /// Builds one from stored parts (lake and snapshot codecs). Host bits are cleared.
    pub fn from_parts(addr: Addr, len128: u8) -> Self {
        let len = len128.min(128);
        let bits = addr.bits() & mask(len);
        Self { addr: Addr::from_bits(bits).unwrap_or(Addr(NonZeroU128::MIN)), len }
    }
}

fn mask(len: u8) -> u128 {
    if len == 0 { 0 } else { u128::MAX << (128 - u32::from(len)) }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(AddrText::of_prefix(*self).as_str())
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is neither an address nor `address/bits`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address or a prefix such as 203.0.113.0/24 or 2001:db8::/32")]
pub struct PrefixError(String);

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || PrefixError(text.to_owned());
        let (ip, bits) = match text.split_once('/') {
            Some((ip, bits)) => (ip, Some(bits.parse::<u8>().map_err(|_| bad())?)),
            None => (text, None),
        };
        let ip: IpAddr = ip.trim().parse().map_err(|_| bad())?;
        let max = if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(max);
        if bits > max {
            return Err(bad());
        }
        Ok(Self::cut(Addr::from(ip), bits, bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> Addr {
        Addr::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn both_families_print_as_they_were_written() {
        for text in ["203.0.113.9", "2001:db8::1", "0.0.0.0", "255.255.255.255", "fe80::1"] {
            assert_eq!(addr(text).to_string(), text);
        }
        for bits in (0..u32::MAX).step_by(1_000_003) {
            assert_eq!(Addr::from_v4(bits).to_string(), Ipv4Addr::from(bits).to_string());
        }
        assert_eq!(
            format!("{:>12}|{:<12}|", addr("10.20.0.1"), addr("10.20.0.1")),
            "   10.20.0.1|10.20.0.1   |"
        );
        for text in
            ["0.0.0.0/0", "198.51.100.0/24", "2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:fffe/127"]
        {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn cutting_clears_host_bits_per_family() {
        assert_eq!(Prefix::cut(addr("203.0.113.9"), 24, 48).to_string(), "203.0.113.0/24");
        assert_eq!(Prefix::cut(addr("2001:db8:1:2::9"), 24, 48).to_string(), "2001:db8:1::/48");
        assert_eq!(Prefix::host(addr("203.0.113.9")).to_string(), "203.0.113.9");
    }

    #[test]
    fn membership_is_by_leading_bits() {
        let p: Prefix = "10.0.0.0/8".parse().unwrap();
        assert!(p.contains(addr("10.255.1.2")));
        assert!(!p.contains(addr("11.0.0.1")));
        assert!(!p.contains(addr("2001:db8::1")));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "2001:db8::/129", "x/8"] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }
}
