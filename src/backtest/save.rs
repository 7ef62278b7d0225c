//! Keeps measured headroom in the lake, where analysts and the report find it.

use std::collections::BTreeMap;

use super::Headroom;
use crate::lake::{HEADROOM, LakeError, LakeWriter};
use crate::window::Day;

/// Replaces `headroom/` of the accounts and regions in `measured` for `day`.
///
/// # Errors
/// When a file cannot be written.
pub fn save(lake: &LakeWriter, day: Day, config_hash: &str, measured: &[Headroom]) -> Result<(), LakeError> {
    let mut by_place: BTreeMap<(&str, &str), Vec<&Headroom>> = BTreeMap::new();
    for headroom in measured {
        by_place.entry((&headroom.eni.account, &headroom.eni.region)).or_default().push(headroom);
    }
    let date = day.date().to_string();
    let mut staged = Vec::with_capacity(by_place.len());
    for ((account, region), rows) in by_place {
        let values = [("account", account), ("region", region), ("date", date.as_str())];
        let mut writer = lake.table(&HEADROOM, &values)?;
        for headroom in rows {
            writer.row(|row| {
                row.text("eni", &headroom.eni.eni)
                    .text("tier", headroom.tier.as_str())
                    .count("new_bytes", headroom.new_bytes)
                    .int64("known_bytes", headroom.known_bytes.map(u64::cast_signed))
                    .text_or_null("known_destination", headroom.known_destination.as_deref().unwrap_or(""))
                    .text("config_hash", config_hash)
                    .end()
            })?;
        }
        staged.push(writer.close()?);
    }
    crate::lake::Staged::publish_all(staged)
}
