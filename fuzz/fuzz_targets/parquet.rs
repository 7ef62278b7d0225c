//! Any bytes as a Parquet file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outflow_fuzz::check;

fuzz_target!(|data: &[u8]| {
    let mut file = data.to_vec();
    if !file.starts_with(b"PAR1") {
        file.splice(0..0, *b"PAR1");
    }
    check(&file, None);
});
