//! Holds what has to be there at once.

use std::io::{self, Read};

use super::ObjectError;
use crate::gunzip;
use crate::limits::BUFFERED_OBJECT_BYTES_MAX;

/// What a Parquet object of five minutes mostly fits in.
const SMALL_OBJECT_BYTES: usize = 32 << 10;

/// All that `source` holds, and why it is not all: by way of `piece`, for a source that is `dyn` has
/// all the room cleared before it is read into.
pub(super) fn hold(
    source: &mut dyn Read,
    expected_bytes: usize,
    piece: &mut [u8],
) -> (Vec<u8>, Option<ObjectError>) {
    let limit = BUFFERED_OBJECT_BYTES_MAX as usize;
    let mut held = Vec::with_capacity(expected_bytes.clamp(SMALL_OBJECT_BYTES, limit));
    loop {
        let error = match source.read(piece) {
            Ok(0) => None,
            Ok(bytes) if held.len() + bytes > limit => {
                Some(ObjectError::Parquet(format!("larger than {limit} bytes")))
            }
            Ok(bytes) => {
                held.extend_from_slice(&piece[..bytes]);
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Some(gunzip::object_error(&error)),
        };
        return (held, error);
    }
}

/// Reads until `out` is full, the source ends or fails.
pub(super) fn fill(source: &mut (dyn Read + Send), out: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < out.len() {
        match source.read(&mut out[filled..]) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Is interrupted before each byte, and fails after the last.
    struct Failing<'a> {
        bytes: &'a [u8],
        is_interrupted: bool,
    }

    impl Read for Failing<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.is_interrupted = !self.is_interrupted;
            if self.is_interrupted {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match self.bytes.read(&mut out[..1])? {
                0 => Err(io::Error::other("gone")),
                bytes => Ok(bytes),
            }
        }
    }

    #[test]
    fn all_is_held_however_much_was_expected() {
        let text: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        for expected in [0, text.len(), usize::MAX] {
            let (held, error) = hold(&mut text.as_slice(), expected, &mut [0; 999]);
            assert_eq!((held == text, error), (true, None));
        }
    }

    #[test]
    fn what_came_before_a_failure_is_held() {
        let mut source = Failing { bytes: b"before", is_interrupted: false };
        let (held, error) = hold(&mut source, 0, &mut [0; 9]);
        assert_eq!(held, b"before");
        assert!(error.is_some_and(|error| error.to_string().contains("gone")));
    }
}
