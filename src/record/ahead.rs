//! Reads a source on a thread of its own, a little ahead of whoever takes what comes of it: with one
//! large object and a second core, inflating and parsing go on at the same time.
//!
//! Buffers go round between the two threads, so memory is bounded by their number and nothing is
//! allocated after the first round.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::limits::{CHUNK_BYTES, CHUNKS_AHEAD};

/// What one step of reading gave: a buffer with that many bytes, and what stopped it.
type Piece = (Vec<u8>, io::Result<usize>);

/// Gives `work` a reader of what `source` holds, which is read ahead meanwhile.
pub(super) fn read_ahead<T>(
    source: &mut (dyn Read + Send),
    work: impl FnOnce(&mut (dyn Read + Send)) -> T,
) -> T {
    let (full_to, full) = sync_channel::<Piece>(CHUNKS_AHEAD);
    let (empty_to, empty) = sync_channel::<Vec<u8>>(CHUNKS_AHEAD);
    for _ in 0..CHUNKS_AHEAD {
        // The channel holds as many, and its other end is in hand.
        drop(empty_to.try_send(vec![0; CHUNK_BYTES]));
    }
    std::thread::scope(|scope| {
        scope.spawn(move || fill(source, &empty, &full_to));
        // Its channels close when the work is done, and with them the thread.
        work(&mut Ahead { full, empty_to, piece: Vec::new(), from: 0, to: 0 })
    })
}

/// Fills buffers until the source ends, or fails, or nobody wants more.
fn fill(source: &mut (dyn Read + Send), empty: &Receiver<Vec<u8>>, full: &SyncSender<Piece>) {
    while let Ok(mut buffer) = empty.recv() {
        let read = source.read(&mut buffer);
        let is_last = match &read {
            Ok(bytes) => *bytes == 0,
            Err(error) => error.kind() != io::ErrorKind::Interrupted,
        };
        if full.send((buffer, read)).is_err() || is_last {
            return;
        }
    }
}

/// The reader of what was read ahead.
struct Ahead {
    full: Receiver<Piece>,
    empty_to: SyncSender<Vec<u8>>,
    piece: Vec<u8>,
    /// The unread part of `piece`.
    from: usize,
    to: usize,
}

impl Read for Ahead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.from == self.to {
            // After the end, or an error that was told, nothing follows.
            let Ok((piece, read)) = self.full.recv() else { return Ok(0) };
            let empty = std::mem::replace(&mut self.piece, piece);
            if !empty.is_empty() {
                // The other side may be at its end and gone.
                drop(self.empty_to.send(empty));
            }
            (self.from, self.to) = (0, read?);
        }
        let bytes = out.len().min(self.to - self.from);
        out[..bytes].copy_from_slice(&self.piece[self.from..self.from + bytes]);
        self.from += bytes;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives `left` bytes that count up, then ends or fails.
    struct Counting {
        left: usize,
        next: u8,
        fails: bool,
    }

    impl Read for Counting {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.left == 0 && self.fails {
                return Err(io::Error::other("cut off"));
            }
            let bytes = out.len().min(self.left).min(100_000);
            for byte in &mut out[..bytes] {
                (*byte, self.next) = (self.next, self.next.wrapping_add(1));
            }
            self.left -= bytes;
            Ok(bytes)
        }
    }

    #[test]
    fn what_comes_out_is_what_the_source_holds() {
        for left in [0, 1, 99_999, 5 * CHUNK_BYTES + 1] {
            let mut source = Counting { left, next: 0, fails: false };
            let mut text = Vec::new();
            read_ahead(&mut source, |reader| reader.read_to_end(&mut text)).unwrap();
            assert_eq!(text.len(), left);
            assert!(text.iter().enumerate().all(|(n, &byte)| byte == n as u8));
        }
    }

    #[test]
    fn an_error_comes_after_the_bytes_before_it() {
        let mut source = Counting { left: 3 * CHUNK_BYTES, next: 0, fails: true };
        let mut text = Vec::new();
        let error = read_ahead(&mut source, |reader| reader.read_to_end(&mut text)).unwrap_err();
        assert_eq!((text.len(), error.to_string()), (3 * CHUNK_BYTES, "cut off".to_owned()));
    }

    #[test]
    fn who_stops_early_waits_for_nothing() {
        let mut source = Counting { left: usize::MAX, next: 0, fails: false };
        let mut byte = [0; 1];
        assert_eq!(read_ahead(&mut source, |reader| reader.read(&mut byte)).unwrap(), 1);
    }
}
