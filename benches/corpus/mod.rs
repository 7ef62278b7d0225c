//! What the benches read: flow log objects of a simulated fleet, in memory, the same on every run.

#![allow(dead_code, reason = "each bench uses a part of it")]

use std::io::Read;
use std::ops::ControlFlow;

use outflow::gunzip::{Gunzip, Whole};
use outflow::limits::{CHUNK_BYTES, WHOLE_OBJECT_BYTES_MAX};
use outflow::record::{FlowRecord, RecordSink, SkipReason};
use outflow::simulate::{SimFormat, SimObject, SimulateOptions, plan, write_objects};

/// Objects left out: the first eight hours, in which the fleet sleeps.
const NIGHT_OBJECTS: usize = 96;

/// Consecutive objects with their sums.
pub struct Corpus {
    /// What it is called in the results.
    pub name: &'static str,
    /// The objects, in time order.
    pub objects: Vec<SimObject>,
    /// Lines after the headers.
    pub records: u64,
    /// Inflated bytes.
    pub text_bytes: u64,
    /// Bytes as delivered.
    pub object_bytes: u64,
}

impl Corpus {
    /// At least `records_min` records of 100 ENIs at 60 s, from the second eight hours of a day.
    pub fn new(name: &'static str, format: SimFormat, records_min: u64) -> Self {
        let options = SimulateOptions { days: 1, attack_from_day: 0, format, ..SimulateOptions::default() };
        let plan = plan(&options).expect("the options are in range");
        let mut corpus = Self { name, objects: Vec::new(), records: 0, text_bytes: 0, object_bytes: 0 };
        let mut met = 0;
        let _ = write_objects(&plan, |object| {
            met += 1;
            if met > NIGHT_OBJECTS {
                corpus.take(object);
            }
            let full = corpus.records >= records_min;
            if full { Err(ControlFlow::<()>::Break(())) } else { Ok(()) }
        });
        assert!(corpus.records >= records_min, "{name}: a day holds only {} records", corpus.records);
        corpus
    }

    fn take(&mut self, object: SimObject) {
        self.records += object.records;
        self.text_bytes += object.text_bytes;
        self.object_bytes += object.gzip_bytes.len() as u64;
        self.objects.push(object);
    }
}

/// Inflates as `ObjectReader` does, by the same decoders, and does nothing with the text.
#[derive(Default)]
pub struct Inflating {
    whole: Whole,
    text: Vec<u8>,
}

impl Inflating {
    /// Inflates an object and gives the bytes of its text.
    pub fn text_bytes(&mut self, object: &[u8]) -> u64 {
        if object.len() < WHOLE_OBJECT_BYTES_MAX
            && let Some(bytes) = self.whole.inflate_object(object, (0, 0), &mut self.text)
        {
            return bytes as u64;
        }
        self.streamed(object)
    }

    /// The same by the decoder that goes piece by piece, of objects of any size.
    pub fn streamed(&mut self, object: impl Read) -> u64 {
        self.text.resize(self.text.len().max(CHUNK_BYTES), 0);
        let mut reader = Gunzip::new(object);
        let mut text_bytes = 0;
        loop {
            match reader.read(&mut self.text[..CHUNK_BYTES]).expect("the corpus is sound") {
                0 => return text_bytes,
                bytes => text_bytes += bytes as u64,
            }
        }
    }
}

/// Counts records and drops them.
#[derive(Default)]
pub struct Counting(pub u64);

impl RecordSink for Counting {
    #[inline]
    fn record(&mut self, record: &FlowRecord<'_>) -> Result<(), SkipReason> {
        self.0 += 1;
        std::hint::black_box(record);
        Ok(())
    }
}
