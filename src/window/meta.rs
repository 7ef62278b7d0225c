//! What an ENI is, as its records tell it beside their flows.

use std::sync::Arc;

use super::vocabulary::is_relay_type;
use crate::record::FlowRecord;

/// What is known of an ENI beside its flows. Texts keep the largest value seen, so that the
/// outcome does not depend on order when AWS's best-effort metadata disagrees with itself.
#[derive(Clone, Debug, Default)]
pub(super) struct EniMeta {
    pub(super) vpc: Text,
    pub(super) subnet: Text,
    pub(super) instance: Text,
    pub(super) group: Text,
    /// The format has an instance column, an OK record left it empty, and `pkt-*` differed.
    pub(super) forwards: bool,
    /// `interface-type` names a relay.
    pub(super) relay_type: bool,
}

/// A text that only grows in lexicographic order.
#[derive(Clone, Debug, Default)]
pub(super) struct Text(Option<Arc<str>>);

impl Text {
    #[inline]
    fn note(&mut self, bytes: &[u8]) {
        let is_known = bytes.is_empty() || self.0.as_deref().is_some_and(|h| is_same(h.as_bytes(), bytes));
        if !is_known {
            self.raise(bytes);
        }
    }

    /// Takes a text when it is larger.
    #[cold]
    fn raise(&mut self, bytes: &[u8]) {
        if self.0.as_deref().is_none_or(|have| have.as_bytes() < bytes) {
            self.0 = Some(lossy(bytes));
        }
    }

    fn merge(&mut self, other: Self) {
        if other.0 > self.0 {
            self.0 = other.0;
        }
    }

    pub(super) fn get(&self) -> Arc<str> {
        self.0.clone().unwrap_or_else(|| Arc::from(""))
    }
}

/// Whether two texts are equal, without a call for the lengths that ids have.
#[inline(always)]
#[expect(clippy::inline_always, reason = "seven calls a record; inlined they are a twentieth of adding it")]
pub(super) fn is_same(one: &[u8], two: &[u8]) -> bool {
    if one.len() != two.len() {
        return false;
    }
    let (Some(first), Some(second)) = (one.first_chunk::<8>(), two.first_chunk::<8>()) else {
        return one == two;
    };
    let (Some(last), Some(other)) = (one.last_chunk::<16>(), two.last_chunk::<16>()) else {
        return first == second && one.last_chunk::<8>() == two.last_chunk::<8>();
    };
    first == second && last == other && (one.len() <= 24 || one == two)
}

pub(super) fn lossy(bytes: &[u8]) -> Arc<str> {
    Arc::from(&*String::from_utf8_lossy(bytes))
}

impl EniMeta {
    /// Notes what a record says.
    #[inline]
    pub(super) fn note(&mut self, record: &FlowRecord<'_>) {
        self.vpc.note(record.vpc);
        self.subnet.note(record.subnet);
        self.instance.note(record.instance);
        self.group.note(record.group);
        if !record.interface_type.is_empty() && !self.relay_type {
            self.relay_type = is_relay_type(record.interface_type);
        }
        if record.has_instance_column && record.instance.is_empty() && !self.forwards {
            let differs = |packet: Option<_>, shown| packet.is_some() && packet != shown;
            self.forwards = differs(record.pkt_src, record.src) || differs(record.pkt_dst, record.dst);
        }
    }

    /// Adds what another part of the hour's records said.
    pub(super) fn merge(&mut self, more: Self) {
        self.vpc.merge(more.vpc);
        self.subnet.merge(more.subnet);
        self.instance.merge(more.instance);
        self.group.merge(more.group);
        self.forwards |= more.forwards;
        self.relay_type |= more.relay_type;
    }
}
