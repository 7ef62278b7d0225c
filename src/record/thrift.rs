//! Walking over Thrift's compact protocol, as far as Parquet's headers need it.
//!
//! Source: Apache Thrift, `doc/specs/thrift-compact-protocol.md`. Stricter than a decoder has to
//! be: what two readers could understand differently (over-long numbers, explicit field ids,
//! booleans in collections) is refused, because what is checked here must be what the decoder
//! then reads. Every writer in use passes.

/// Types of fields.
pub(crate) const TRUE: u8 = 1;
/// See [`TRUE`].
pub(crate) const FALSE: u8 = 2;
/// 32-bit integer.
pub(crate) const I32: u8 = 5;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
/// Length and bytes.
pub(crate) const BINARY: u8 = 8;
/// Elements of one type.
pub(crate) const LIST: u8 = 9;
const SET: u8 = 10;
/// Fields up to a stop.
pub(crate) const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// Structs and lists inside each other that are followed; Parquet has four.
const DEPTH_MAX: u32 = 16;

/// A place in a text of the protocol. `None` from any method: not readable as that.
pub(crate) struct Compact<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Compact<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// Bytes read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn pass(&mut self, bytes: u32) -> Option<()> {
        let left = self.text.len() - self.at;
        let bytes = usize::try_from(bytes).ok().filter(|&bytes| bytes <= left)?;
        self.at += bytes;
        Some(())
    }

    /// A variable-length number of at most 32 bits.
    fn number(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 15 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A signed 32-bit integer.
    pub(crate) fn i32(&mut self) -> Option<i32> {
        let value = self.number()?;
        Some((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    /// Elements of a list, and their type.
    pub(crate) fn list(&mut self) -> Option<(u32, u8)> {
        let head = self.byte()?;
        let elements = if head >> 4 == 15 { self.number()? } else { u32::from(head >> 4) };
        Some((elements, head & 15))
    }

    /// Reads a struct: each field's id and type go to `take`, which reads the value or returns
    /// `Some(false)` to have it skipped.
    pub(crate) fn fields(&mut self, mut take: impl FnMut(&mut Self, i16, u8) -> Option<bool>) -> Option<()> {
        let mut id: i16 = 0;
        loop {
            let head = self.byte()?;
            if head & 15 == 0 {
                return Some(());
            }
            let step = i16::from(head >> 4);
            id = id.checked_add(step).filter(|_| step > 0)?;
            if !take(self, id, head & 15)? {
                self.skip(head & 15, DEPTH_MAX)?;
            }
        }
    }

    /// Passes over a value.
    pub(crate) fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => Some(()),
            BYTE => self.pass(1),
            I16 | I32 | I64 => {
                while self.byte()? & 0x80 != 0 {}
                Some(())
            }
            DOUBLE => self.pass(8),
            UUID => self.pass(16),
            BINARY => {
                let bytes = self.number()?;
                self.pass(bytes)
            }
            LIST | SET => {
                let (elements, kind) = self.list()?;
                if matches!(kind, TRUE | FALSE) {
                    return None;
                }
                (0..elements).try_for_each(|_| self.skip(kind, depth))
            }
            STRUCT => loop {
                match self.byte()? & 15 {
                    0 => return Some(()),
                    kind => self.skip(kind, depth)?,
                }
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids and types of a struct's fields.
    fn ids(text: &[u8]) -> Option<Vec<(i16, u8)>> {
        let mut ids = Vec::new();
        Compact::new(text).fields(|_, id, kind| {
            ids.push((id, kind));
            Some(false)
        })?;
        Some(ids)
    }

    #[test]
    fn fields_of_all_types_are_passed_over() {
        let text = [
            0x11, 0x15, 0xff, 1, 0x18, 2, b'h', b'i', 0x19, 0x25, 4, 6, 0x1c, 0x15, 2, 0, 0x17, 0, 0, 0, 0,
            0, 0, 0, 0, 0x13, 9, 0,
        ];
        let want = [(1, TRUE), (2, I32), (3, BINARY), (4, LIST), (5, STRUCT), (6, DOUBLE), (7, BYTE)];
        assert_eq!(ids(&text).unwrap(), want);
    }

    #[test]
    fn numbers_are_zigzag_and_at_most_32_bits() {
        let number = |text: &[u8]| Compact::new(text).i32();
        assert_eq!(number(&[3]), Some(-2));
        assert_eq!(number(&[0xfe, 0xff, 0xff, 0xff, 0x0f]), Some(i32::MAX));
        assert_eq!(number(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Some(i32::MIN));
        assert_eq!(number(&[0x80, 0x80, 0x80, 0x80, 0x10]), None);
        assert_eq!(number(&[0x80, 0x80, 0x80, 0x80, 0x80, 1]), None);
    }

    #[test]
    fn what_is_cut_deep_or_ambiguous_is_refused() {
        for text in [
            &[0x15][..],
            &[0x18, 5, 0, 0],
            &[0x05, 2, 2, 0],
            &[0x19, 0x21, 1, 1, 0],
            &[0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 0x0f],
            &[0x1b, 0, 0],
            &[0x1c; 40],
        ] {
            assert_eq!(ids(text), None, "{text:x?}");
        }
    }
}
