//! Any text as the body of a message: read or refused, never more objects than records.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outflow::limits::EVENT_RECORDS_MAX;
use outflow::source::events::{Message, read_message};

fuzz_target!(|data: &[u8]| {
    if let Message::Objects(objects) = read_message(&String::from_utf8_lossy(data)) {
        assert!(!objects.is_empty() && objects.len() <= EVENT_RECORDS_MAX);
    }
});
