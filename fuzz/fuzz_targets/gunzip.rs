//! Any bytes as gzip. Reading in one-byte and in large steps must give the same text.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use outflow::gunzip::Gunzip;
use outflow_fuzz::check;

fn inflate(data: &[u8], step: usize) -> Vec<u8> {
    let mut reader = Gunzip::new(data);
    let mut text = Vec::new();
    let mut buffer = vec![0; step];
    while let Ok(bytes @ 1..) = reader.read(&mut buffer) {
        text.extend_from_slice(&buffer[..bytes]);
        if text.len() > 1 << 20 {
            break;
        }
    }
    text.truncate(1 << 20);
    text
}

fuzz_target!(|data: &[u8]| {
    assert_eq!(inflate(data, 1 << 16), inflate(data, 1));
    check(data, None);
});
