//! Addresses, prefixes, direction, role.

mod addr;

pub use addr::{Addr, Prefix, PrefixError};
