//! Addresses, prefixes, what is inside, and a record seen from its ENI.

mod addr;
mod addr_text;
mod internal;
mod lookup;
pub mod orient;
mod stored;

pub use addr::{Addr, Prefix, PrefixError};
pub(crate) use addr_text::AddrText;
pub use internal::{InternalNetworks, is_private};
pub use lookup::PrefixTable;
