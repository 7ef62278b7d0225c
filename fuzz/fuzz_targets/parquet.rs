//! Any bytes as a Parquet file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outflow_fuzz::check;

// The reader contains panics of the decoder; libfuzzer's own hook would end the run at each. One that
// leaves the reader still does.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |data: &[u8]| {
    let mut file = data.to_vec();
    if !file.starts_with(b"PAR1") {
        file.splice(0..0, *b"PAR1");
    }
    check(&file, None);
});
