//! Any bytes as gzip. Reading in one-byte and in large steps must give the same text, and what is inflated
//! at once begins with it: the decoders differ in what damage they mind, not in what they read.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use outflow::gunzip::{Gunzip, Whole};
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
    let text = inflate(data, 1 << 16);
    assert_eq!(text, inflate(data, 1));
    let mut out = Vec::new();
    if let Some(bytes) = Whole::default().inflate_object(data, (0, 0), &mut out) {
        assert!(out[..bytes].starts_with(&text));
    }
    check(data, None);
});
