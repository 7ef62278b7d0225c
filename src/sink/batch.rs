//! Messages in batches within the limits of `PublishBatch`, in their order.

use crate::alert::render::sns::Entry;
use crate::limits::{SNS_BATCH_MESSAGES_MAX, SNS_MESSAGE_BYTES_MAX};

/// Bytes of an entry's id within its batch, and room for how its fields are told apart.
const ENTRY_BYTES: usize = 16;

/// `entries` in batches.
pub(super) fn batches(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut batches: Vec<Vec<Entry>> = Vec::new();
    let mut batch_bytes = 0;
    for entry in entries {
        let bytes = entry.bytes() + ENTRY_BYTES;
        match batches.last_mut() {
            Some(batch)
                if batch.len() < SNS_BATCH_MESSAGES_MAX && batch_bytes + bytes <= SNS_MESSAGE_BYTES_MAX =>
            {
                batch_bytes += bytes;
                batch.push(entry);
            }
            _ => {
                batch_bytes = bytes;
                batches.push(vec![entry]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize) -> Entry {
        Entry {
            alert_id: "a".into(),
            subject: String::new(),
            message: "x".repeat(bytes),
            attributes: Vec::new(),
            group_id: None,
            deduplication_id: None,
        }
    }

    #[test]
    fn batches_hold_ten_messages_and_256_kib() {
        let sizes = |lens: &[usize]| -> Vec<usize> {
            batches(lens.iter().map(|len| entry(*len)).collect()).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&[100; 23]), [10, 10, 3]);
        assert_eq!(sizes(&[100_000; 5]), [2, 2, 1]);
        assert_eq!(sizes(&[10, SNS_MESSAGE_BYTES_MAX - ENTRY_BYTES, 10]), [1, 1, 1]);
        assert_eq!(sizes(&[131_056, 131_056, 1]), [2, 1], "exactly full");
    }
}
