//! Laws of the windows: merging is commutative, and the hour decides side and role.

use std::net::IpAddr;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::net::Addr;
use crate::record::{Action, FlowDirection, FlowRecord};

#[allow(clippy::unnecessary_wraps, reason = "the field it fills is optional")]
fn addr(text: &str) -> Option<Addr> {
    Some(Addr::from(text.parse::<IpAddr>().unwrap()))
}

fn record(src: &str, src_port: u16, dst: &str, dst_port: u16, bytes: u64) -> FlowRecord<'static> {
    FlowRecord {
        account: b"111122223333",
        eni: b"eni-0a",
        src: addr(src),
        dst: addr(dst),
        src_port: Some(src_port),
        dst_port: Some(dst_port),
        protocol: Some(6),
        packets: Some(10),
        bytes: Some(bytes),
        start: Some(1_700_000_000),
        end: Some(1_700_000_050),
        action: Some(Action::Accept),
        ..FlowRecord::EMPTY
    }
}

fn close(records: &[FlowRecord<'_>]) -> EniHour {
    close_knowing(records, &KnownEni::default())
}

fn close_knowing(records: &[FlowRecord<'_>], known: &KnownEni) -> EniHour {
    let mut open = OpenHours::default();
    for r in records {
        open.shard.add(r, &ObjectContext::default()).unwrap();
    }
    let hour = Hour::of_second(1_700_000_050);
    let mut closed = open.close(hour, |_| known.clone());
    assert_eq!(closed.enis.len(), 1);
    closed.enis.remove(0)
}

#[test]
fn own_address_is_the_one_that_all_records_share_even_when_all_are_private() {
    let got = close(&[
        record("10.0.0.9", 443, "10.0.1.5", 40000, 100),
        record("10.0.1.5", 40001, "10.0.0.7", 443, 20),
        record("10.0.1.5", 40000, "10.0.0.9", 443, 7),
    ]);
    assert_eq!(got.own, vec![addr("10.0.1.5").unwrap()]);
    assert_eq!((got.totals.egress_bytes, got.totals.ingress_bytes), (27, 100));
    assert!(got.flows.iter().all(|f| f.role == Role::Client && f.port == 443));
}

#[test]
fn a_publicly_addressed_vpc_is_not_mistaken_for_the_peer() {
    // Private-range peers of an ENI that has a public address: range alone would turn them.
    let got = close(&[
        record("203.0.113.5", 40000, "10.1.0.1", 443, 5),
        record("203.0.113.5", 40001, "10.1.0.2", 443, 6),
        record("203.0.113.5", 40002, "198.51.100.9", 443, 7),
    ]);
    assert_eq!(got.own, vec![addr("203.0.113.5").unwrap()]);
    assert_eq!(got.flows.iter().map(|f| f.egress_bytes).sum::<u64>(), 18);
}

#[test]
fn one_private_pair_proves_nothing_until_the_eni_is_known() {
    let lonely = [record("10.0.0.9", 40000, "10.0.1.5", 443, 50)];
    let got = close(&lonely);
    assert_eq!((got.flows.len(), got.coverage.direction_unknown_records), (0, 1));
    assert_eq!(got.totals.unknown_bytes, 50);
    let known = KnownEni { own: vec![addr("10.0.0.9").unwrap()], listeners: vec![] };
    let got = close_knowing(&lonely, &known);
    assert_eq!((got.flows[0].role, got.flows[0].egress_bytes), (Role::Client, 50));
}

#[test]
fn replies_are_served_when_flags_or_several_peers_say_so() {
    let reply = |peer: &str, flags| FlowRecord {
        tcp_flags: flags,
        direction: Some(FlowDirection::Egress),
        ..record("10.0.1.5", 443, peer, 50000, 1000)
    };
    let proven = close(&[reply("203.0.113.9", Some(19))]);
    assert_eq!(proven.flows[0].role, Role::Served);
    let two = close(&[reply("203.0.113.1", None), reply("203.0.113.2", None)]);
    assert!(two.flows.iter().all(|f| f.role == Role::Unknown));
    assert_eq!(two.coverage.role_unknown_records, 2);
    let three = close(&[reply("203.0.113.1", None), reply("203.0.113.2", None), reply("203.0.113.3", None)]);
    assert!(three.flows.iter().all(|f| f.role == Role::Served));
    let known = KnownEni { own: vec![], listeners: vec![(6, 443)] };
    let one = close_knowing(&[reply("203.0.113.1", None)], &known);
    assert_eq!(one.flows[0].role, Role::Served);
}

#[test]
fn the_reverse_record_proves_the_role_of_the_forward_one() {
    let out = FlowRecord { tcp_flags: Some(0), ..record("10.0.1.5", 3000, "203.0.113.9", 50000, 9) };
    let out = FlowRecord { direction: Some(FlowDirection::Egress), ..out };
    let back = FlowRecord { tcp_flags: Some(18), ..record("203.0.113.9", 3000, "10.0.1.5", 50000, 4) };
    let back = FlowRecord { direction: Some(FlowDirection::Ingress), ..back };
    // Ports alone call the first one a reply from 3000; the SYN-ACK that came in from port 3000
    // belongs to another service and must not leak into it.
    let got = close(&[out, back]);
    let client = got.flows.iter().find(|f| f.role == Role::Client).unwrap();
    assert_eq!((client.ingress_bytes, client.egress_bytes), (4, 0));
    let syn = FlowRecord { tcp_flags: Some(2), ..record("10.0.1.5", 50000, "203.0.113.9", 3000, 1) };
    let syn = FlowRecord { direction: Some(FlowDirection::Egress), ..syn };
    let data = FlowRecord { tcp_flags: Some(0), ..syn };
    let got = close(&[data, syn, back]);
    assert_eq!(got.flows.len(), 1);
    assert_eq!((got.flows[0].role, got.flows[0].ingress_bytes), (Role::Client, 4));
}

#[test]
fn relays_are_known_by_type_or_by_forwarding() {
    let plain = FlowRecord {
        has_instance_column: true,
        instance: b"i-1",
        ..record("10.0.1.5", 1, "203.0.113.9", 443, 1)
    };
    assert_eq!(close(&[plain]).class, EniClass::Instance);
    let nat = FlowRecord { instance: b"", pkt_src: addr("10.0.9.9"), pkt_dst: addr("203.0.113.9"), ..plain };
    assert_eq!(close(&[nat]).class, EniClass::Relay);
    let pod = FlowRecord { instance: b"i-1", ..nat };
    assert_eq!(close(&[pod]).class, EniClass::Instance);
    let typed = FlowRecord { interface_type: b"Nat-Gateway", ..plain };
    assert_eq!(close(&[typed]).class, EniClass::Relay);
}

#[test]
fn inbound_rejects_are_counted_without_their_addresses() {
    let knock = FlowRecord { action: Some(Action::Reject), ..record("203.0.113.9", 4, "10.0.1.5", 23, 40) };
    let got = close(&[knock, record("10.0.1.5", 40000, "203.0.113.10", 443, 5)]);
    assert_eq!((got.flows.len(), got.totals.ingress_rejected_records), (1, 1));
    assert_eq!(got.totals.ingress_bytes, 40);
}

#[test]
fn late_records_count_in_the_hour_they_came_in_and_do_not_open_their_own() {
    let arrival = 1_700_000_000 + 7200;
    let context =
        ObjectContext { named_second: Some(arrival), lateness_seconds: 1800, ..ObjectContext::default() };
    let mut shard = Shard::default();
    assert_eq!(shard.add(&record("10.0.1.5", 1, "203.0.113.9", 443, 1), &context), Ok(None));
    let mut open = OpenHours { shard, ledger: ObjectLedger::default() };
    assert_eq!(open.due(Hour(u32::MAX)), [Hour::of_second(arrival)]);
    let closed = open.close(Hour::of_second(arrival), |_| KnownEni::default());
    assert_eq!(closed.enis[0].coverage.late_records, 1);
    assert!(!closed.enis[0].coverage.is_observed());
    assert!(closed.enis[0].flows.is_empty());
}

#[test]
fn an_hour_closes_when_objects_up_to_its_end_and_lateness_are_in() {
    // 00:00-01:00 with 30 min lateness: complete once the object named 01:25 (to 01:30) is in.
    assert_eq!(closes_up_to(24 * 3600 + 3600 + 25 * 60, 1800), Hour(24));
    assert_eq!(closes_up_to(24 * 3600 + 3600 + 20 * 60, 1800), Hour(23));
}

/// Few addresses and ports, so that pairs meet often and in both directions.
fn arbitrary_record() -> impl Strategy<Value = FlowRecord<'static>> {
    let address = prop::sample::select(vec![
        "10.0.1.5",
        "10.0.1.6",
        "10.0.0.9",
        "203.0.113.9",
        "198.51.100.7",
        "2001:db8::5",
        "2001:db8::9",
        "fd00::1",
    ]);
    let port = prop::sample::select(vec![0_u16, 22, 443, 3000, 8080, 40000, 50000]);
    let flags = prop::sample::select(vec![None, Some(0), Some(2), Some(3), Some(18), Some(19)]);
    let direction =
        prop::sample::select(vec![None, None, Some(FlowDirection::Egress), Some(FlowDirection::Ingress)]);
    let service = prop::sample::select(vec![&b""[..], b"S3", b"EC2", b"AMAZON"]);
    let eni = prop::sample::select(vec![&b"eni-0a"[..], b"eni-0b"]);
    (
        address.clone(),
        address,
        port.clone(),
        port,
        flags,
        direction,
        service,
        eni,
        0_u64..5000,
        0_i64..7200,
        any::<bool>(),
    )
        .prop_map(|(src, dst, sp, dp, flags, direction, service, eni, bytes, at, rejected)| FlowRecord {
            tcp_flags: flags,
            direction,
            dst_service: service,
            eni,
            end: Some(1_700_000_000 + at),
            start: Some(1_700_000_000 + at - 59),
            action: Some(if rejected { Action::Reject } else { Action::Accept }),
            ..record(src, sp, dst, dp, bytes)
        })
}

fn all_closed(mut open: OpenHours) -> Vec<EniHour> {
    let hours = open.shard.hours();
    hours.into_iter().flat_map(|hour| open.close(hour, |_| KnownEni::default()).enis).collect()
}

proptest! {
    /// Any split over workers, merged in any order, gives what one worker gives.
    #[test]
    fn merging_is_a_function_of_the_set(
        tagged in prop::collection::vec((arbitrary_record(), 0_usize..4), 1..60),
        order in Just([0_usize, 1, 2, 3]).prop_shuffle(),
    ) {
        let context = ObjectContext::default();
        let mut whole = OpenHours::default();
        let mut parts = vec![Shard::default(); 4];
        for (r, _) in &tagged {
            whole.shard.add(r, &context).unwrap();
        }
        for (r, part) in tagged.iter().rev() {
            parts[*part].add(r, &context).unwrap();
        }
        let mut merged = OpenHours::default();
        for part in order {
            merged.shard.merge(parts[part].clone());
        }
        prop_assert_eq!(all_closed(merged), all_closed(whole));
    }

    /// Bytes are conserved: what went in is egress, ingress or unknown.
    #[test]
    fn no_byte_is_lost(records in prop::collection::vec(arbitrary_record(), 1..60)) {
        let mut open = OpenHours::default();
        for r in &records {
            open.shard.add(r, &ObjectContext::default()).unwrap();
        }
        let sums = all_closed(open).iter().fold(0, |sum, e| {
            sum + e.totals.egress_bytes + e.totals.ingress_bytes + e.totals.unknown_bytes
        });
        prop_assert_eq!(sums, records.iter().map(|r| r.bytes.unwrap()).sum::<u64>());
    }
}

#[test]
fn shards_with_different_service_tables_agree_after_merging() {
    let with = |service: &'static [u8]| FlowRecord {
        dst_service: service,
        direction: Some(FlowDirection::Egress),
        ..record("10.0.1.5", 40000, "203.0.113.9", 443, 1)
    };
    let context = ObjectContext::default();
    let (mut one, mut two) = (Shard::default(), Shard::default());
    one.add(&with(b"AMAZON"), &context).unwrap();
    two.add(&with(b"S3"), &context).unwrap();
    two.add(&with(b"AMAZON"), &context).unwrap();
    for (mut a, b) in [(one.clone(), two.clone()), (two, one)] {
        a.merge(b);
        let closed = all_closed(OpenHours { shard: a, ledger: ObjectLedger::default() });
        assert_eq!(closed[0].flows[0].service, Arc::from("S3"));
    }
}
