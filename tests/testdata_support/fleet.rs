//! One hour of four interfaces in the folders and under the names that AWS uses.
//!
//! Own arithmetic instead of the simulator, so that tuning the simulator leaves these files alone.
//! A worker fetches from two suppliers, a web server answers clients, a database talks to both,
//! and one interface is idle. In the last quarter of an hour the worker sends 64 MiB in each five
//! minutes to an address that nobody else knows.

use super::{Files, V2, gzip};

/// Where the objects lie below the folder of test data.
pub const ROOT: &str = "fleet";
/// Bytes sent to the unknown address in each of the last three objects.
pub const LEAK_BYTES: u64 = 64 << 20;
/// 2026-01-05T08:00:00Z.
const START_SECOND: u64 = 1_767_600_000;
const SLOTS: u64 = 12;
const WORKER: (&str, &str) = ("eni-0f1ee700000000001", "10.0.1.5");
const WEB: (&str, &str) = ("eni-0f1ee700000000002", "10.0.2.8");
const DATABASE: (&str, &str) = ("eni-0f1ee700000000003", "10.0.3.9");
const IDLE: &str = "eni-0f1ee700000000004";

/// One side of a connection: address and port.
type Side<'a> = (&'a str, u64);

pub fn files() -> Files {
    (0..SLOTS).map(|slot| (key(slot), gzip(text(slot).as_bytes()))).collect()
}

fn key(slot: u64) -> String {
    let minute = slot * 5;
    format!(
        "{ROOT}/AWSLogs/123456789012/vpcflowlogs/eu-west-1/2026/01/05/\
         123456789012_vpcflowlogs_eu-west-1_fl-0f1ee7000000000ff_20260105T08{minute:02}Z_{:08x}.log.gz",
        0x0f1e_e700 + slot
    )
}

/// The records that end in these five minutes.
fn text(slot: u64) -> String {
    let mut text = format!("{V2}\n");
    for minute in 0..5 {
        let start = START_SECOND + slot * 300 + minute * 60;
        let n = slot * 5 + minute;
        let port = 32_768 + n * 7;
        let supplier = ["203.0.113.20", "203.0.113.40"][(n % 2) as usize];
        both(&mut text, WORKER, (WORKER.1, port), (supplier, 443), [2_000 + n * 13, 60_000 + n * 997], start);
        let client = format!("198.51.100.{}", 10 + n * 3);
        both(&mut text, WEB, (WEB.1, 443), (&client, 50_000 + n), [90_000 + n * 31, 3_000 + n], start);
        for eni in [WEB, DATABASE] {
            both(&mut text, eni, (WEB.1, port), (DATABASE.1, 5432), [1_500 + n, 20_000 + n * 5], start);
        }
        status(&mut text, IDLE, "NODATA", start);
    }
    if slot == 4 {
        status(&mut text, WEB.0, "SKIPDATA", START_SECOND + slot * 300);
    }
    if slot >= 9 {
        let start = START_SECOND + slot * 300 + 60;
        both(&mut text, WORKER, (WORKER.1, 61_000 + slot), ("192.0.2.66", 443), [LEAK_BYTES, 700_000], start);
    }
    text
}

/// A connection as its interface sees it: there, and back.
fn both(text: &mut String, eni: (&str, &str), from: Side<'_>, to: Side<'_>, bytes: [u64; 2], start: u64) {
    for ((src, src_port), (dst, dst_port), bytes) in [(from, to, bytes[0]), (to, from, bytes[1])] {
        let (packets, end) = (1 + bytes / 1_400, start + 50);
        let id = eni.0;
        *text += &format!(
            "2 123456789012 {id} {src} {dst} {src_port} {dst_port} 6 {packets} {bytes} {start} {end} ACCEPT OK\n"
        );
    }
}

fn status(text: &mut String, eni: &str, status: &str, start: u64) {
    let end = start + 59;
    *text += &format!("2 123456789012 {eni} - - - - - - - {start} {end} - {status}\n");
}
