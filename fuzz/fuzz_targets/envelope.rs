//! Any bytes as JSON around flow-log lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outflow::record::fields::DEFAULT_VPC_FORMAT;
use outflow_fuzz::check;

fuzz_target!(|data: &[u8]| {
    let mut text = data.to_vec();
    if text.first() != Some(&b'{') {
        text.insert(0, b'{');
    }
    check(&text, Some(DEFAULT_VPC_FORMAT));
});
