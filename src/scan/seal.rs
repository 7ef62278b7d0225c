//! Hashes an object while it is read, so that a lake can tell later whether it is still the same.
//! The bytes are hashed as they were stored, before anything is inflated: a copy has the same hash,
//! wherever it lies, which an entity tag does not promise.

use std::io::{self, Read};

/// Hexadecimal digits kept of a hash: 128 bits, against accident and forgery alike.
const HASH_DIGITS: usize = 32;

/// A source that is hashed as it is read, when asked for.
pub(super) struct Sealing<R> {
    source: R,
    hasher: Option<blake3::Hasher>,
}

impl<R: Read> Sealing<R> {
    pub(super) fn new(source: R, is_sealed: bool) -> Self {
        Self { source, hasher: is_sealed.then(blake3::Hasher::new) }
    }

    /// The hash of the whole source, hex; `None` when nobody asked or its end cannot be reached.
    /// Reads what the decoder left, so that the hash does not depend on how far that looked ahead.
    pub(super) fn seal(mut self) -> Option<String> {
        self.hasher.as_ref()?;
        io::copy(&mut self, &mut io::sink()).ok()?;
        self.hasher.map(|hasher| hasher.finalize().to_hex()[..HASH_DIGITS].to_owned())
    }
}

impl<R: Read> Read for Sealing<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.source.read(out)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&out[..bytes]);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the connection broke off"))
        }
    }

    #[test]
    fn the_hash_is_of_all_bytes_however_far_they_were_read() {
        let seal = |text: &[u8], first: usize| {
            let mut source = Sealing::new(text, true);
            source.read_exact(&mut vec![0; first]).unwrap();
            source.seal().unwrap()
        };
        let whole = seal(b"203.0.113.9 443", 15);
        assert_eq!((whole.len(), &whole), (32, &seal(b"203.0.113.9 443", 0)));
        assert_ne!(whole, seal(b"203.0.113.9 444", 15));
    }

    #[test]
    fn nothing_is_hashed_for_nobody_and_nothing_is_said_of_a_source_that_breaks() {
        assert_eq!(Sealing::new(&b"x"[..], false).seal(), None);
        assert_eq!(Sealing::new(Broken, true).seal(), None);
    }
}
