//! Alerts as other systems take them. Pure: an alert goes in, text comes out.
//!
//! Alerts hold text from logs, and whoever sends packets writes parts of logs. So everything here
//! escapes what could drive a terminal or hide in an email, and bounds what could be too long.

mod asff;
mod chat;
mod digest;
mod email;
mod fit;
mod ocsf;
mod plain;
pub mod sns;

pub use asff::{Unplaced, asff};
pub use digest::digest;
pub use ocsf::ocsf;
pub(crate) use plain::safe;

/// `tcp`, `udp`, `icmp` or the IANA number, after the port where there are ports.
fn service(port: u16, protocol: u8) -> String {
    match protocol {
        6 => format!("port {port}/tcp"),
        17 => format!("port {port}/udp"),
        1 => "icmp".to_owned(),
        58 => "icmpv6".to_owned(),
        number => format!("protocol {number}"),
    }
}

#[cfg(test)]
pub(crate) mod tests;
