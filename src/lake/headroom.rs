//! `headroom/`: how much could have left an ENI on a day without a message.

use super::table::{Column, Kind, Table};

/// The `headroom` data set, written by `backtest --headroom --save`.
pub static HEADROOM: Table = Table {
    name: "headroom",
    partitions: &["account", "region", "date"],
    columns: &[
        Column::new("eni", Kind::Text, "", "ENI"),
        Column::new("tier", Kind::Text, "", "learning, young or mature: how well the ENI is known"),
        Column::new("new_bytes", Kind::Int64, "bytes", "a day, to a destination new to it, told by nobody"),
        Column::nullable("known_bytes", Kind::Int64, "bytes", "a day, to the destination it sends most to"),
        Column::nullable("known_destination", Kind::Text, "", "that destination"),
        Column::new("config_hash", Kind::Text, "", "hash of the configuration that scored"),
    ],
    doc: "One row per instance ENI and day that was measured: its silent-leak headroom.",
};
