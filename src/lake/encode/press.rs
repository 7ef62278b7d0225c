//! Compression, and the buffers that pages are made in.

use std::cell::RefCell;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use zstd::bulk::Compressor;

/// Level 1: the next ones take longer than reading the bytes that they save.
pub(super) const LEVEL: i32 = 1;
/// Of plain numbers: counts of bytes come out smaller by 5 % than at level 1, times larger by 7 %, all in
/// two thirds of the time (`zstd -b` on the columns of `hourly/`). Packed ones would come out larger.
pub(super) const PLAIN_NUMBERS_LEVEL: i32 = -2;

thread_local! {
    /// To begin one costs as much as some pages, and one for each open file would hold a megabyte each.
    static PRESS: RefCell<Option<Press>> = const { RefCell::new(None) };
}

/// What making pages needs, kept by each thread that makes some.
pub(super) struct Press {
    zstd: Compressor<'static>,
    /// A page before it is compressed.
    pub(super) text: Vec<u8>,
    /// Its levels, then its places in the dictionary.
    pub(super) numbers: Vec<u32>,
    packed: Vec<u8>,
}

impl Press {
    /// Does `work` with the one of this thread, which is not asked for again inside.
    pub(super) fn with<T>(work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        PRESS.with_borrow_mut(|press| match press {
            Some(press) => work(press),
            none => work(none.insert(Self::new()?)),
        })
    }

    fn new() -> Result<Self> {
        let mut zstd = Compressor::new(LEVEL).map_err(external)?;
        // A bit that flips on a disk shows, instead of being another number.
        zstd.include_checksum(true).map_err(external)?;
        Ok(Self { zstd, text: Vec::new(), numbers: Vec::new(), packed: Vec::new() })
    }

    /// The page compressed, at a level of zstd.
    pub(super) fn press(&mut self, level: i32) -> Result<Bytes> {
        self.zstd.set_compression_level(level).map_err(external)?;
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(self.text.len()));
        self.zstd.compress_to_buffer(&self.text, &mut self.packed).map_err(external)?;
        Ok(Bytes::copy_from_slice(&self.packed))
    }
}

fn external(error: std::io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}
