//! One stage of reading at a time, for tools that watch a process: `benches/instructions.sh` counts
//! its instructions, `benches/peers` times it against others.
//!
//! ```text
//! stages write DIR          writes the fixed corpora v2.objects and v5.objects to DIR
//! stages load FILE          reads such a file and does nothing
//! stages inflate FILE       and inflates its objects
//! stages parse FILE         and makes records of them
//! stages pipeline FILE      and adds them up by hour
//! stages inflate-files DIR THREADS     inflates all *.gz under DIR
//! ```

#![expect(clippy::print_stdout, reason = "the count is the result")]

mod corpus;

use std::io::Read;
use std::path::{Path, PathBuf};

use corpus::{Corpus, Counting, Inflating};
use outflow::limits::WHOLE_OBJECT_BYTES_MAX;
use outflow::record::{FlowRecord, ObjectReader, RecordSink, SkipReason};
use outflow::simulate::SimFormat;
use outflow::window::{ObjectContext, Shard};
use rayon::prelude::*;

/// Records of a corpus, at least: under callgrind a run of all stages takes seconds.
const RECORDS: u64 = 30_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["write", dir] => write(Path::new(dir)),
        ["load", file] => println!("{}", load(file).len()),
        ["inflate", file] => {
            let mut inflating = Inflating::default();
            println!("{}", load(file).iter().map(|object| inflating.text_bytes(object)).sum::<u64>());
        }
        ["parse", file] => println!("{}", parse(&load(file))),
        ["pipeline", file] => println!("{}", pipeline(&load(file))),
        ["inflate-files", dir, threads] => println!("{}", inflate_files(Path::new(dir), threads)),
        _ => {
            println!("stages: write DIR | load, inflate, parse or pipeline FILE | inflate-files DIR THREADS");
        }
    }
}

/// Each object after its length, so that reading them back costs nothing to speak of.
fn write(dir: &Path) {
    for (name, format) in [("v2", SimFormat::V2), ("v5", SimFormat::V5)] {
        let corpus = Corpus::new(name, format, RECORDS);
        let mut bytes = Vec::new();
        for object in &corpus.objects {
            bytes.extend((object.gzip_bytes.len() as u64).to_le_bytes());
            bytes.extend(&object.gzip_bytes);
        }
        std::fs::write(dir.join(format!("{name}.objects")), bytes).expect("the folder can be written");
        println!("{name} {}", corpus.records);
    }
}

fn load(file: &str) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(file).expect("a file that `stages write` wrote");
    let mut rest = bytes.as_slice();
    let mut objects = Vec::new();
    while let Some((len, behind)) = rest.split_first_chunk::<8>() {
        let (object, others) = behind.split_at(u64::from_le_bytes(*len) as usize);
        objects.push(object.to_vec());
        rest = others;
    }
    objects
}

fn parse(objects: &[Vec<u8>]) -> u64 {
    let (mut reader, mut counting) = (ObjectReader::default(), Counting::default());
    for object in objects {
        assert_eq!(reader.read(object.as_slice(), None, &mut counting).skipped_total(), 0);
    }
    counting.0
}

/// Adds the records of one object to the shard.
struct ShardSink<'a>(&'a mut Shard, &'a ObjectContext);

impl RecordSink for ShardSink<'_> {
    #[inline]
    fn record(&mut self, record: &FlowRecord<'_>) -> Result<(), SkipReason> {
        self.0.add(record, self.1).map(drop)
    }
}

fn pipeline(objects: &[Vec<u8>]) -> u64 {
    let (mut shard, mut reader) = (Shard::default(), ObjectReader::default());
    let context = ObjectContext::default();
    let read =
        |object: &Vec<u8>| reader.read(object.as_slice(), None, &mut ShardSink(&mut shard, &context)).lines;
    let lines = objects.iter().map(read).sum();
    std::hint::black_box(&shard);
    lines
}

fn inflate_files(dir: &Path, threads: &str) -> u64 {
    let files: Vec<PathBuf> = walkdir::WalkDir::new(dir)
        .into_iter()
        .map(|entry| entry.expect("the folder can be read").into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .collect();
    let threads = threads.parse().expect("a number of threads");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be had");
    // What is not small enough to be inflated at once is read piece by piece, as it is by a scan.
    let of_file = |inflating: &mut Inflating, path: &PathBuf| {
        let mut file = std::fs::File::open(path).expect("the file can be read");
        let mut start = Vec::new();
        let most = WHOLE_OBJECT_BYTES_MAX as u64;
        file.by_ref().take(most).read_to_end(&mut start).expect("the file can be read");
        let is_all = start.len() < WHOLE_OBJECT_BYTES_MAX;
        if is_all { inflating.text_bytes(&start) } else { inflating.streamed(start.chain(file)) }
    };
    pool.install(|| files.par_iter().map_init(Inflating::default, of_file).sum())
}
