//! What values mean, whatever they were read from: words of closed sets, and times.

use super::fields::Target;
use super::{Action, FlowDirection, LogStatus, SkipReason};

/// Greatest second that still fits in 31 bits. Later "seconds" are milliseconds: readers in the
/// field met such files.
const SECOND_MAX: u64 = (1 << 31) - 1;

/// Seconds, also when milliseconds were written.
#[inline]
pub(crate) fn seconds(value: u64) -> Option<i64> {
    i64::try_from(if value > SECOND_MAX { value / 1000 } else { value }).ok()
}

/// `action`.
#[inline]
pub(crate) fn action(word: &[u8]) -> Option<Action> {
    match word {
        b"ACCEPT" => Some(Action::Accept),
        b"REJECT" => Some(Action::Reject),
        _ => None,
    }
}

/// `flow-direction`.
#[inline]
pub(crate) fn direction(word: &[u8]) -> Option<FlowDirection> {
    match word {
        b"ingress" => Some(FlowDirection::Ingress),
        b"egress" => Some(FlowDirection::Egress),
        _ => None,
    }
}

/// `log-status`.
#[inline]
pub(crate) fn log_status(word: &[u8]) -> Option<LogStatus> {
    match word {
        b"OK" => Some(LogStatus::Ok),
        b"NODATA" => Some(LogStatus::NoData),
        b"SKIPDATA" => Some(LogStatus::SkipData),
        _ => None,
    }
}

/// What a value that cannot be read is called in this column.
pub(crate) fn reason_of(target: Target) -> SkipReason {
    match target {
        Target::Src | Target::Dst | Target::PktSrc | Target::PktDst => SkipReason::BadAddress,
        Target::Action | Target::Direction | Target::Status => SkipReason::BadWord,
        _ => SkipReason::BadNumber,
    }
}
