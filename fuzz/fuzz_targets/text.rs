//! Any text as a flow log, with a header and with a configured format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outflow::record::fields::DEFAULT_VPC_FORMAT;
use outflow_fuzz::check;

fuzz_target!(|data: &[u8]| {
    check(data, None);
    check(data, Some(DEFAULT_VPC_FORMAT));
});
