//! The text of an address or a prefix, in place: lakes and snapshots have millions of them, so it is
//! written digit by digit and handed over at once.

use std::fmt::{self, Write as _};

use super::{Addr, Prefix};

/// The longest: eight groups of four digits, seven colons and `/127`.
const TEXT_BYTES_MAX: usize = 43;

/// The text of an address or a prefix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AddrText {
    bytes: [u8; TEXT_BYTES_MAX],
    len: usize,
}

impl AddrText {
    /// `203.0.113.9` or `2001:db8::1`.
    pub(crate) fn of(addr: Addr) -> Self {
        let mut text = Self { bytes: [0; TEXT_BYTES_MAX], len: 0 };
        match addr.v4_bits() {
            Some(bits) => {
                let [first, rest @ ..] = bits.to_be_bytes();
                text.number(first);
                for octet in rest {
                    text.byte(b'.');
                    text.number(octet);
                }
            }
            // It has room for the longest.
            None => write!(text, "{}", addr.ip()).unwrap_or_default(),
        }
        text
    }

    /// The same with the bits that count, as in `203.0.113.0/24`, unless it is one address.
    pub(crate) fn of_prefix(prefix: Prefix) -> Self {
        let mut text = Self::of(prefix.addr());
        if !prefix.is_host() {
            let len128 = prefix.len128();
            text.byte(b'/');
            text.number(if prefix.addr().is_v4() { len128.saturating_sub(96) } else { len128 });
        }
        text
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }

    fn number(&mut self, number: u8) {
        for unit in [100, 10, 1] {
            if number >= unit || unit == 1 {
                self.byte(b'0' + number / unit % 10);
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }
}

impl fmt::Write for AddrText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.byte(byte));
        Ok(())
    }
}
