//! Inflating gzip under limits: the only place that names `flate2`, and `libdeflater` for what is one
//! regular member at hand (`whole.rs`).
//!
//! Objects in the wild hold several gzip members one after the other (CloudWatch Logs through
//! Firehose, concatenated files), end early, carry zero padding, or are made to fill the memory
//! of whoever opens them. So members are read until the input ends, everything that came out
//! before damage is delivered before the damage is told, and size and ratio are capped.
//!
//! `Decompress` is driven directly: it inflates into the caller's buffer and checks the CRC on the
//! way, at the speed of flate2's own readers, which would drop what the failing step had written
//! and take zero padding for damage.

mod whole;

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

pub use whole::Whole;

use crate::limits;
use crate::record::ObjectError;

/// First bytes of a gzip member (RFC 1952 section 2.3.1).
pub const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Compressed bytes read at a time: about one chunk of text at the usual ratio of ten.
const INPUT_BYTES: usize = 32 * 1024;
/// Base-two logarithm of the deflate window.
const WINDOW_BITS: u8 = 15;

/// What an object may inflate to.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Most bytes of text.
    pub text_bytes_max: u64,
    /// Most text per compressed byte.
    pub ratio_max: u64,
    /// Bytes of text below which the ratio is not looked at.
    pub ratio_free_bytes: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            text_bytes_max: limits::OBJECT_TEXT_BYTES_MAX,
            ratio_max: limits::INFLATE_RATIO_MAX,
            ratio_free_bytes: limits::INFLATE_RATIO_FREE_BYTES,
        }
    }
}

/// Where in the file the decoder stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Inside a member.
    Member,
    /// After a member: another one, zero padding or the end may follow.
    Between,
    /// In the zero padding that tapes and block devices leave behind the last member.
    Padding,
    /// At the end, or after an error that was told.
    Done,
}

/// A reader of the text inside a multi-member gzip stream.
///
/// Its errors wrap an [`ObjectError`]; [`object_error`] takes it out again.
pub struct Gunzip<R> {
    source: R,
    input: Vec<u8>,
    /// The unread part of `input`.
    from: usize,
    to: usize,
    inflate: Decompress,
    place: Place,
    caps: Caps,
    compressed_bytes: u64,
    text_bytes: u64,
    /// Damage met after text that had to be delivered first.
    pending: Option<ObjectError>,
}

impl<R: Read> Gunzip<R> {
    /// Inflates what `source` holds, under the usual limits.
    pub fn new(source: R) -> Self {
        Self::with_caps(source, Caps::default())
    }

    /// Inflates what `source` holds, under the given limits.
    pub fn with_caps(source: R, caps: Caps) -> Self {
        Self {
            source,
            input: vec![0; INPUT_BYTES],
            from: 0,
            to: 0,
            inflate: Decompress::new_gzip(WINDOW_BITS),
            place: Place::Member,
            caps,
            compressed_bytes: 0,
            text_bytes: 0,
            pending: None,
        }
    }

    /// Fills `out` as far as it goes and returns the bytes written with what stopped it.
    fn fill(&mut self, out: &mut [u8]) -> (usize, Option<ObjectError>) {
        let mut written = 0;
        while written < out.len() && self.place != Place::Done {
            if self.from == self.to {
                match self.refill() {
                    Ok(true) => {}
                    Ok(false) => {
                        written += self.drain(&mut out[written..]);
                        // A full buffer may have left some in the decoder for the next call.
                        let is_drained = written < out.len() || self.place != Place::Member;
                        return (written, is_drained.then(|| self.end_of_input()).flatten());
                    }
                    Err(error) => return (written, Some(ObjectError::Io(error.to_string()))),
                }
            }
            let step = match self.place {
                Place::Member => self.inflate_into(&mut out[written..]),
                _ => self.between_members().map(|()| 0),
            };
            match step {
                Ok(bytes) => written += bytes,
                Err(error) => return (written, Some(error)),
            }
            if let Some(error) = self.pending.take() {
                return (written, Some(error));
            }
            if let Some(error) = self.over_caps() {
                return (written, Some(error));
            }
        }
        (written, None)
    }

    /// Reads more compressed bytes; false at the end of the source.
    fn refill(&mut self) -> io::Result<bool> {
        self.from = 0;
        self.to = 0;
        loop {
            match self.source.read(&mut self.input) {
                Ok(bytes) => {
                    self.to = bytes;
                    self.compressed_bytes += bytes as u64;
                    return Ok(bytes > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn inflate_into(&mut self, out: &mut [u8]) -> Result<usize, ObjectError> {
        let (in_before, out_before) = (self.inflate.total_in(), self.inflate.total_out());
        let result = self.inflate.decompress(&self.input[self.from..self.to], out, FlushDecompress::None);
        let taken = (self.inflate.total_in() - in_before) as usize;
        let written = (self.inflate.total_out() - out_before) as usize;
        self.from += taken;
        self.text_bytes += written as u64;
        match result {
            Ok(Status::StreamEnd) => {
                self.inflate.reset(true);
                self.place = Place::Between;
                Ok(written)
            }
            // The decoder neither ate nor gave although it had input and room: it is stuck.
            Ok(_) if taken == 0 && written == 0 => Err(self.damage("no progress")),
            Ok(_) => Ok(written),
            Err(error) => {
                // What was written in the same step still counts: `fill` tells it first.
                self.pending = Some(self.damage(error.message().unwrap_or("invalid data")));
                Ok(written)
            }
        }
    }

    /// Takes out what the decoder still holds when a stream is cut off: part of a long match.
    fn drain(&mut self, out: &mut [u8]) -> usize {
        if self.place != Place::Member {
            return 0;
        }
        let before = self.inflate.total_out();
        // Whatever it answers, the stream is incomplete, and that is told next.
        drop(self.inflate.decompress(&[], out, FlushDecompress::None));
        let written = (self.inflate.total_out() - before) as usize;
        self.text_bytes += written as u64;
        written
    }

    /// Decides what follows a finished member; some input is at hand.
    fn between_members(&mut self) -> Result<(), ObjectError> {
        let rest = &self.input[self.from..self.to];
        match rest.first() {
            Some(&byte) if byte == MAGIC[0] && self.place == Place::Between => {
                self.place = Place::Member;
                Ok(())
            }
            Some(0) => {
                self.place = Place::Padding;
                self.from += rest.iter().position(|&b| b != 0).unwrap_or(rest.len());
                Ok(())
            }
            _ => Err(self.damage("bytes that are no gzip follow the last member")),
        }
    }

    fn end_of_input(&mut self) -> Option<ObjectError> {
        let complete = matches!(self.place, Place::Between | Place::Padding);
        let damage = (!complete).then(|| self.damage("unexpected end of file"));
        self.place = Place::Done;
        damage
    }

    fn damage(&self, detail: &str) -> ObjectError {
        ObjectError::Gzip { text_bytes: self.text_bytes, detail: detail.to_owned() }
    }

    fn over_caps(&self) -> Option<ObjectError> {
        let caps = &self.caps;
        if self.text_bytes > caps.text_bytes_max {
            return Some(ObjectError::Bomb(format!("{} bytes", caps.text_bytes_max)));
        }
        let ratio_bytes = self.compressed_bytes.saturating_mul(caps.ratio_max);
        if self.text_bytes > caps.ratio_free_bytes && self.text_bytes > ratio_bytes {
            return Some(ObjectError::Bomb(format!("{} times its size", caps.ratio_max)));
        }
        None
    }
}

impl<R: Read> Read for Gunzip<R> {
    /// Fills `out` completely unless the stream ends, so that callers inflate in large steps.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.pending.take() {
            self.place = Place::Done;
            return Err(io::Error::other(error));
        }
        let (written, error) = self.fill(out);
        let Some(error) = error else { return Ok(written) };
        if written > 0 {
            self.pending = Some(error);
            return Ok(written);
        }
        self.place = Place::Done;
        Err(io::Error::other(error))
    }
}

/// The object error inside an I/O error: ours when [`Gunzip`] made it, else `Io`.
pub fn object_error(error: &io::Error) -> ObjectError {
    let ours = error.get_ref().and_then(|inner| inner.downcast_ref::<ObjectError>());
    ours.cloned().unwrap_or_else(|| ObjectError::Io(error.to_string()))
}

/// One gzip member holding `text`.
#[cfg(test)]
pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    io::Write::write_all(&mut encoder, text).unwrap();
    encoder.finish().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that comes out, and what stopped it. The small buffer makes every step cross
    /// a boundary.
    fn inflate_with(bytes: &[u8], caps: Caps) -> (Vec<u8>, Option<ObjectError>) {
        let mut reader = Gunzip::with_caps(bytes, caps);
        let mut text = Vec::new();
        let mut buffer = [0; 1000];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return (text, None),
                Ok(n) => text.extend_from_slice(&buffer[..n]),
                Err(error) => return (text, Some(object_error(&error))),
            }
        }
    }

    fn inflate(bytes: &[u8]) -> (Vec<u8>, Option<ObjectError>) {
        inflate_with(bytes, Caps::default())
    }

    /// Text that does not compress to nothing.
    fn sample() -> Vec<u8> {
        (0u32..20_000).flat_map(|n| format!("{} ", n.wrapping_mul(2_654_435_761)).into_bytes()).collect()
    }

    #[test]
    fn members_follow_each_other_also_empty_ones() {
        let text = sample();
        let (a, b) = text.split_at(70_001);
        let stream = [gzip(a), gzip(b""), gzip(b)].concat();
        assert_eq!(inflate(&stream), (text, None));
        assert_eq!(inflate(&gzip(b"")), (Vec::new(), None));
    }

    #[test]
    fn padding_of_zeros_is_ignored() {
        let stream = [gzip(b"text"), vec![0; 40_000]].concat();
        assert_eq!(inflate(&stream), (b"text".to_vec(), None));
    }

    #[test]
    fn garbage_after_the_last_member_is_told_after_the_text() {
        for garbage in [b"garbage".as_slice(), b"\0\0garbage", b"\0\x1f\x8b"] {
            let (text, error) = inflate(&[gzip(b"text"), garbage.to_vec()].concat());
            assert_eq!(text, b"text");
            assert!(matches!(error, Some(ObjectError::Gzip { text_bytes: 4, .. })), "{error:?}");
        }
    }

    #[test]
    fn a_stream_cut_anywhere_gives_a_prefix_and_an_error() {
        let text = sample();
        let stream = gzip(&text);
        for cut in (0..stream.len()).step_by(997).chain([1, 9, 10, 11, stream.len() - 1]) {
            let (out, error) = inflate(&stream[..cut]);
            assert!(text.starts_with(&out), "cut at {cut}");
            let Some(ObjectError::Gzip { text_bytes, .. }) = error else { panic!("cut at {cut}: {error:?}") };
            assert_eq!(text_bytes, out.len() as u64, "cut at {cut}");
        }
        let (out, _) = inflate(&stream[..stream.len() / 2]);
        assert!(out.len() > text.len() / 3, "what was readable came out: {}", out.len());
    }

    #[test]
    fn a_cut_stream_gives_the_same_text_in_steps_of_one_byte() {
        // Long matches: the decoder holds up to 258 bytes when its input ends.
        let stream = gzip("2 123456789012 eni-1 - NODATA\n".repeat(40).as_bytes());
        for cut in 12..stream.len() {
            let (want, _) = inflate(&stream[..cut]);
            let (mut reader, mut byte, mut got) = (Gunzip::new(&stream[..cut]), [0], Vec::new());
            while reader.read(&mut byte).is_ok_and(|bytes| bytes == 1) {
                got.push(byte[0]);
            }
            assert_eq!(got, want, "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_is_found_by_the_checksum() {
        let text = sample();
        let mut stream = gzip(&text);
        let crc_at = stream.len() - 8;
        stream[crc_at] ^= 1;
        let (out, error) = inflate(&stream);
        assert_eq!(out, text);
        assert!(matches!(error, Some(ObjectError::Gzip { .. })), "{error:?}");
    }

    #[test]
    fn bombs_are_refused_by_size_and_by_ratio() {
        let stream = gzip(&vec![b' '; 1 << 20]);
        let by_size = Caps { text_bytes_max: 100_000, ..Caps::default() };
        let by_ratio = Caps { ratio_max: 100, ratio_free_bytes: 10_000, ..Caps::default() };
        for caps in [by_size, by_ratio] {
            let (out, error) = inflate_with(&stream, caps);
            assert!(out.len() < 200_000, "stopped early: {}", out.len());
            assert!(matches!(error, Some(ObjectError::Bomb(_))), "{error:?}");
        }
        let free = Caps { ratio_max: 100, ratio_free_bytes: 2 << 20, ..Caps::default() };
        assert_eq!(inflate_with(&stream, free).1, None);
    }

    #[test]
    fn a_failing_source_is_an_io_error_after_the_text_before_it() {
        struct Failing(Vec<u8>);
        impl Read for Failing {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                if self.0.is_empty() {
                    return Err(io::Error::other("connection reset"));
                }
                let n = self.0.len().min(out.len());
                out[..n].copy_from_slice(&self.0[..n]);
                self.0.drain(..n);
                Ok(n)
            }
        }
        let mut stream = gzip(b"text");
        stream.truncate(stream.len() - 4);
        let mut reader = Gunzip::new(Failing(stream));
        let mut buffer = [0; 100];
        assert_eq!(reader.read(&mut buffer).unwrap(), 4);
        let error = reader.read(&mut buffer).unwrap_err();
        assert_eq!(object_error(&error), ObjectError::Io("connection reset".to_owned()));
    }
}
