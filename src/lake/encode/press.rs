//! Compression, and the buffers that pages are made in.

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use zstd::bulk::Compressor;

/// Level 1: the next ones take longer than reading the bytes that they save.
const LEVEL: i32 = 1;

/// What making pages needs. To begin one costs as much as some pages, so one serves all columns;
/// to keep one would hold a megabyte for each open file.
pub(super) struct Press {
    zstd: Compressor<'static>,
    /// A page before it is compressed.
    pub(super) text: Vec<u8>,
    /// Its levels, then its places in the dictionary.
    pub(super) numbers: Vec<u32>,
    packed: Vec<u8>,
}

impl Press {
    pub(super) fn new() -> Result<Self> {
        let zstd = Compressor::new(LEVEL).map_err(external)?;
        Ok(Self { zstd, text: Vec::new(), numbers: Vec::new(), packed: Vec::new() })
    }

    /// The page compressed.
    pub(super) fn press(&mut self) -> Result<Bytes> {
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(self.text.len()));
        self.zstd.compress_to_buffer(&self.text, &mut self.packed).map_err(external)?;
        Ok(Bytes::copy_from_slice(&self.packed))
    }
}

fn external(error: std::io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}
