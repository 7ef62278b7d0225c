//! One gzip member whose size is known, at once: a page of Parquet, or an object of five minutes.
//!
//! An object has dozens of pages of a few hundred bytes, so what a decoder costs before the first
//! byte is most of its time; and a decoder that inflates piece by piece clears and fills a window of
//! its own. Here one decoder serves all members, and there is room behind the text: the fast loop of
//! inflate ends 260 bytes before the buffer does.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::MAGIC;

/// Room behind the text.
const ROOM_BYTES: usize = 320;
/// Header of a member without name, comment or anything else (RFC 1952 section 2.3).
const HEADER_BYTES: usize = 10;
/// CRC and length behind the deflated text.
const TRAILER_BYTES: usize = 8;
const DEFLATE: u8 = 8;

/// Inflates members one after the other.
pub(crate) struct Whole {
    inflate: Decompress,
}

impl Default for Whole {
    fn default() -> Self {
        Self { inflate: Decompress::new(false) }
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

    /// The same where there is room for at most `text_bytes_max` bytes of text, by the member's own
    /// word of how long it is, which is given back. It need not fit.
    pub(crate) fn inflate_within(
        &mut self,
        member: &[u8],
        text_bytes_max: usize,
        out: &mut [u8],
    ) -> Option<usize> {
        let text_bytes = u32::from_le_bytes(*member.last_chunk()?) as usize;
        if text_bytes > text_bytes_max {
            return None;
        }
        self.inflate_into(member, text_bytes, out)?;
        Some(text_bytes)
    }

    fn inflate_into(&mut self, member: &[u8], text_bytes: usize, out: &mut [u8]) -> Option<()> {
        let (header, rest) = member.split_first_chunk::<HEADER_BYTES>()?;
        let (deflated, trailer) = rest.split_last_chunk::<TRAILER_BYTES>()?;
        if header[..2] != MAGIC || header[2] != DEFLATE || header[3] != 0 {
            return None;
        }
        self.inflate.reset(false);
        // The trailer is read along, so that the fast loop may look ahead; it is not taken.
        let status = self.inflate.decompress(rest, out, FlushDecompress::Finish).ok()?;
        let is_whole = status == Status::StreamEnd
            && self.inflate.total_out() == text_bytes as u64
            && self.inflate.total_in() == deflated.len() as u64;
        let mut crc = Crc::new();
        crc.update(out.get(..text_bytes)?);
        let (sums, _) = trailer.as_chunks::<4>();
        let is_sound =
            u32::from_le_bytes(sums[0]) == crc.sum() && u32::from_le_bytes(sums[1]) == text_bytes as u32;
        (is_whole && is_sound).then_some(())
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
    fn a_member_says_itself_how_long_its_text_is() {
        let (mut whole, mut out) = (Whole::default(), [0; 9 + ROOM_BYTES]);
        let member = gzip(b"some text");
        assert_eq!(whole.inflate_within(&member, 9, &mut out), Some(9));
        assert_eq!(&out[..9], b"some text");
        assert_eq!(whole.inflate_within(&member, 8, &mut out), None);
        assert_eq!(whole.inflate_within(&member[..3], 9, &mut out), None);
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
        assert_eq!(inflated(&mut whole, &[good.as_slice(), &good].concat(), 2 * bytes), None);
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
