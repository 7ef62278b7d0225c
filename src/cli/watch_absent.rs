//! Stands in for `watch` in a build without the feature `aws`.

use super::args::WatchArgs;
use super::term::Term;
use crate::config::Config;
use crate::error::Error;

pub(super) fn run(args: &WatchArgs, _: &Config, _: Term) -> Result<u8, Error> {
    Err(crate::error::without_aws(&format!("cannot watch {}", args.queue_url)))
}
