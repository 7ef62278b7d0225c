//! Addresses, prefixes, what is inside, and a record seen from its ENI.

mod addr;
mod internal;
mod lookup;
pub mod orient;
mod stored;

pub use addr::{Addr, Prefix, PrefixError};
pub use internal::{InternalNetworks, is_private};
pub use lookup::PrefixTable;
