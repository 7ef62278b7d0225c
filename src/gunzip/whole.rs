//! One gzip member whose size is known, at once: a page of Parquet, or an object of five minutes.
//!
//! A decoder that need not stop anywhere takes a third less time than one that inflates piece by
//! piece, and nothing before the first byte: an object has dozens of pages of a few hundred bytes.
//! It says nothing of what it read but whether that was sound, so whatever is not is left to the
//! other one, which tells what is wrong and gives what came before.

use libdeflater::Decompressor;
use memchr::memmem;

use super::MAGIC;
use crate::limits::WHOLE_TEXT_BYTES_MAX;

/// Room behind the text: the fast loop of inflate ends about 300 bytes before the buffer does.
const ROOM_BYTES: usize = 320;
/// Header of a member without name, comment or anything else (RFC 1952 section 2.3).
const HEADER_BYTES: usize = 10;
/// CRC and length behind the deflated text.
const TRAILER_BYTES: usize = 8;
const DEFLATE: u8 = 8;

/// Inflates members one after the other.
pub struct Whole {
    inflate: Decompressor,
}

impl Default for Whole {
    fn default() -> Self {
        Self { inflate: Decompressor::new() }
    }
}

impl Whole {
    /// Writes the text of a member, which says to be so long, to the front of `out`; what is
    /// behind it there has no meaning. `None` when the member is anything but regular: several in
    /// a row, with a name, of another size, damaged.
    pub(crate) fn inflate(&mut self, member: &[u8], text_bytes: usize, out: &mut Vec<u8>) -> Option<()> {
        if out.len() < text_bytes + ROOM_BYTES {
            out.resize(text_bytes + ROOM_BYTES, 0);
        }
        self.inflate_into(member, text_bytes, out)
    }

    /// Writes the text of an object that is one regular member to `out`, behind its first
    /// `front_bytes`, and gives its length, bytes. Behind the text are at least `behind_bytes` without
    /// meaning, and `out` is never made longer than a text of [`WHOLE_TEXT_BYTES_MAX`] needs; to others
    /// the answer is `None`, as it is to what is not regular.
    pub fn inflate_object(
        &mut self,
        object: &[u8],
        (front_bytes, behind_bytes): (usize, usize),
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let text_bytes = u32::from_le_bytes(*object.last_chunk()?) as usize;
        if text_bytes > WHOLE_TEXT_BYTES_MAX {
            return None;
        }
        let bytes = front_bytes + text_bytes + behind_bytes.max(ROOM_BYTES);
        out.resize(out.len().max(bytes), 0);
        self.inflate_into(object, text_bytes, &mut out[front_bytes..])?;
        Some(text_bytes)
    }

    fn inflate_into(&mut self, member: &[u8], text_bytes: usize, out: &mut [u8]) -> Option<()> {
        let (header, rest) = member.split_first_chunk::<HEADER_BYTES>()?;
        let (deflated, trailer) = rest.split_last_chunk::<TRAILER_BYTES>()?;
        if header[..2] != MAGIC || header[2] != DEFLATE || header[3] != 0 {
            return None;
        }
        // The trailer is read along, so that the fast loop may look ahead; it is not taken.
        let written_bytes = self.inflate.deflate_decompress(rest, out).ok()?;
        let sums = [libdeflater::crc32(out.get(..text_bytes)?), text_bytes as u32];
        let is_sound = written_bytes == text_bytes && *trailer.as_chunks().0 == sums.map(u32::to_le_bytes);
        // The decoder does not say where it ended. If something follows the first member, that has the
        // same trailer, because it has the same text.
        let is_last = || memmem::find(deflated, trailer).is_none();
        (is_sound && is_last()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::gzip;
    use super::*;

    fn inflated(whole: &mut Whole, member: &[u8], text_bytes: usize) -> Option<Vec<u8>> {
        let mut out = vec![7; 3];
        whole.inflate(member, text_bytes, &mut out)?;
        out.truncate(text_bytes);
        Some(out)
    }

    #[test]
    fn members_come_out_one_after_the_other() {
        let mut whole = Whole::default();
        let long: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 28) as u8).collect();
        for text in [b"".as_slice(), b"a", &long, &[0; 5000], b"some text"] {
            assert_eq!(inflated(&mut whole, &gzip(text), text.len()).as_deref(), Some(text));
        }
    }

    #[test]
    fn an_object_says_itself_how_long_its_text_is() {
        let (mut whole, mut out) = (Whole::default(), Vec::new());
        let mut of = |object: &[u8]| {
            let bytes = whole.inflate_object(object, (2, 5), &mut out);
            bytes.map(|bytes| out[2..2 + bytes].to_vec())
        };
        let object = gzip(b"some text");
        assert_eq!(of(&object).as_deref(), Some(&b"some text"[..]));
        assert_eq!(of(&object[..3]), None);
        let longest = vec![b'x'; WHOLE_TEXT_BYTES_MAX];
        assert_eq!(of(&gzip(&longest)), Some(longest.clone()));
        assert_eq!(of(&gzip(&[longest, vec![b'x']].concat())), None);
        assert_eq!(out.len(), 2 + WHOLE_TEXT_BYTES_MAX + ROOM_BYTES);
    }

    #[test]
    fn what_is_not_one_sound_member_of_that_size_is_left_to_others() {
        let mut whole = Whole::default();
        let good = gzip(b"some text that is not short, some text");
        let bytes = 38;
        assert!(inflated(&mut whole, &good, bytes).is_some());
        for other in [bytes - 1, bytes + 1, 0] {
            assert_eq!(inflated(&mut whole, &good, other), None);
        }
        for cut in 0..good.len() {
            assert_eq!(inflated(&mut whole, &good[..cut], bytes), None, "cut at {cut}");
        }
        for twice in [bytes, 2 * bytes] {
            assert_eq!(inflated(&mut whole, &[good.as_slice(), &good].concat(), twice), None);
        }
        for behind in [b"\0".as_slice(), &[0; 8], &[7; 100]] {
            assert_eq!(inflated(&mut whole, &[good.as_slice(), behind].concat(), bytes), None);
        }
        // Time stamp, extra flags and system, bytes 4 to 9, say nothing about the text, nor do the last
        // bits before the trailer.
        let last = good.len() - TRAILER_BYTES - 1;
        for at in (0..4).chain(10..last).chain(last + 1..good.len()) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(inflated(&mut whole, &bad, bytes), None, "damaged at {at}");
        }
        assert!(inflated(&mut whole, &good, bytes).is_some(), "damage is not remembered");
    }
}
