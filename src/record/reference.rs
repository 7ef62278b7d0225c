//! The slow, obvious parser that judges the fast one.
//!
//! It collects the tokens of a line, names each column, and uses the standard library for every
//! value. The properties below generate lines of every field, valid and broken, and demand that
//! both parsers give the same record or the same fault.

use std::net::IpAddr;

use super::fields::{self, Target};
use super::format::ColumnPlan;
use super::text::Fault;
use super::{FlowRecord, LogStatus, SkipReason};
use crate::net::Addr;

/// Parses one line the obvious way.
pub(crate) fn parse<'a>(line: &'a [u8], plan: &ColumnPlan) -> Result<FlowRecord<'a>, Fault<'a>> {
    let tokens: Vec<&[u8]> = line.split(|&b| b == b' ').filter(|t| !t.is_empty()).collect();
    if tokens.len() < plan.len() {
        return Err(Fault { reason: SkipReason::TooFewFields, field: None, text: line });
    }
    if tokens.len() > plan.len() {
        return Err(Fault { reason: SkipReason::TooManyFields, field: None, text: line });
    }
    let mut record = FlowRecord { has_instance_column: plan.has_instance, ..FlowRecord::EMPTY };
    let mut ids: [&[u8]; 2] = [b""; 2];
    let mut groups: [&[u8]; 4] = [b""; 4];
    for (token, column) in tokens.into_iter().zip(&plan.columns) {
        if token == b"-" {
            continue;
        }
        if let Err(reason) = assign(&mut record, &mut ids, &mut groups, column.target, token) {
            return Err(Fault { reason, field: column.name, text: token });
        }
    }
    let eni_candidates = [record.eni, ids[0], ids[1], record.instance];
    record.eni = eni_candidates.into_iter().find(|id| !id.is_empty()).unwrap_or(b"");
    record.group = groups.into_iter().find(|group| !group.is_empty()).unwrap_or(b"");
    if plan.is_transit_gateway && record.interface_type.is_empty() {
        record.interface_type = b"transit_gateway";
    }
    Ok(record)
}

fn assign<'a>(
    record: &mut FlowRecord<'a>,
    ids: &mut [&'a [u8]; 2],
    groups: &mut [&'a [u8]; 4],
    target: Target,
    token: &'a [u8],
) -> Result<(), SkipReason> {
    match target {
        Target::Skip => {}
        Target::Account => record.account = token,
        Target::Interface => record.eni = token,
        Target::Attachment => ids[0] = token,
        Target::Resource => ids[1] = token,
        Target::Vpc => record.vpc = token,
        Target::Subnet => record.subnet = token,
        Target::Instance => record.instance = token,
        Target::Region => record.region = token,
        Target::InterfaceType => record.interface_type = token,
        Target::SrcService => record.src_service = token,
        Target::DstService => record.dst_service = token,
        Target::AsgTag => groups[0] = token,
        Target::InterfaceTag => groups[1] = token,
        Target::InstanceTag => groups[2] = token,
        Target::EcsService => groups[3] = token,
        Target::Src => record.src = address(token)?,
        Target::Dst => record.dst = address(token)?,
        Target::PktSrc => record.pkt_src = address(token)?,
        Target::PktDst => record.pkt_dst = address(token)?,
        Target::SrcPort => record.src_port = Some(number(token)?),
        Target::DstPort => record.dst_port = Some(number(token)?),
        Target::Protocol => record.protocol = Some(number(token)?),
        Target::Packets => record.packets = Some(number(token)?),
        Target::Bytes => record.bytes = Some(number(token)?),
        Target::Start => record.start = Some(time(token)?),
        Target::End => record.end = Some(time(token)?),
        Target::TcpFlags => record.tcp_flags = Some(number(token)?),
        Target::Action => {
            record.action = Some(super::words::action(token).ok_or(SkipReason::BadWord)?);
        }
        Target::Direction => {
            record.direction = Some(super::words::direction(token).ok_or(SkipReason::BadWord)?);
        }
        Target::Status => {
            record.status = match token {
                b"OK" => LogStatus::Ok,
                b"NODATA" => LogStatus::NoData,
                b"SKIPDATA" => LogStatus::SkipData,
                _ => return Err(SkipReason::BadWord),
            }
        }
        Target::TrafficPath => {
            record.traffic_path = match token.strip_prefix(b"-") {
                Some(digits) => number::<u64>(digits).map(|_| None)?,
                None => Some(number::<u8>(token)?).filter(|&path| path > 0),
            }
        }
    }
    Ok(())
}

fn number<T: std::str::FromStr>(token: &[u8]) -> Result<T, SkipReason> {
    // The standard library also takes `+5`, which no flow log holds.
    let text = std::str::from_utf8(token).map_err(|_| SkipReason::BadNumber)?;
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SkipReason::BadNumber);
    }
    text.parse().map_err(|_| SkipReason::BadNumber)
}

fn time(token: &[u8]) -> Result<i64, SkipReason> {
    let value: u64 = number(token)?;
    let seconds = if value > 2_147_483_647 { value / 1000 } else { value };
    i64::try_from(seconds).map_err(|_| SkipReason::BadNumber)
}

fn address(token: &[u8]) -> Result<Option<Addr>, SkipReason> {
    let text = std::str::from_utf8(token).map_err(|_| SkipReason::BadAddress)?;
    match text.parse::<IpAddr>().map_err(|_| SkipReason::BadAddress)? {
        IpAddr::V4(v4) => Ok(Some(Addr::from_v4(v4.into()))),
        IpAddr::V6(v6) => Ok(Addr::from_bits(v6.into())),
    }
}

mod tests {
    use super::*;
    use crate::record::brisk::{self, Memory, Slate};
    use crate::record::cuts::{Cursor, Cuts, window_of};
    use crate::record::fields::{Field, Kind};
    use crate::record::text::parse_line;
    use proptest::prelude::*;

    fn valid_value(field: &'static Field) -> BoxedStrategy<String> {
        let value = match (field.kind, field.name) {
            (Kind::Integer, "srcport" | "dstport") => any::<u16>().prop_map(|n| n.to_string()).boxed(),
            (Kind::Integer, "protocol" | "tcp-flags" | "traffic-path") => {
                any::<u8>().prop_map(|n| n.to_string()).boxed()
            }
            (Kind::Integer, "start" | "end") => {
                prop_oneof![0u64..4_000_000_000, 1_600_000_000_000u64..1_900_000_000_000]
                    .prop_map(|n| n.to_string())
                    .boxed()
            }
            (Kind::Integer, _) => {
                prop_oneof![0u64..100_000, any::<u64>()].prop_map(|n| n.to_string()).boxed()
            }
            (Kind::Address, _) => prop_oneof![
                any::<u32>().prop_map(|n| std::net::Ipv4Addr::from(n).to_string()),
                any::<u128>().prop_map(|n| std::net::Ipv6Addr::from(n).to_string()),
                any::<u32>().prop_map(|n| {
                    std::net::Ipv6Addr::from(0x2001_0db8 << 96 | u128::from(n)).to_string()
                }),
            ]
            .boxed(),
            (Kind::Word, "action") => prop_oneof![Just("ACCEPT".into()), Just("REJECT".into())].boxed(),
            (Kind::Word, "flow-direction") => {
                prop_oneof![Just("ingress".into()), Just("egress".into())].boxed()
            }
            (Kind::Word, _) => {
                prop_oneof![Just("OK".into()), Just("NODATA".into()), Just("SKIPDATA".into())].boxed()
            }
            (Kind::Text, _) => "[a-zA-Z0-9:/%._-]{1,40}".boxed(),
        };
        prop_oneof![1 => Just("-".to_owned()), 6 => value].boxed()
    }

    /// A value that is wrong in most columns, and right in some.
    fn strange_value() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("-".to_owned()),
            Just("0".to_owned()),
            Just("00000000000000000000007".to_owned()),
            Just("18446744073709551616".to_owned()),
            Just("-1".to_owned()),
            Just("+1".to_owned()),
            Just("--".to_owned()),
            Just("::".to_owned()),
            Just("None".to_owned()),
            "[0-9]{1,21}",
            "[0-9]{1,4}(\\.[0-9]{1,4}){2,4}",
            "[0-9a-f]{0,5}(:[0-9a-f]{0,4}){1,8}",
            "[0-9a-f]{0,4}(:[0-9a-f]{0,3}){1,6}:[0-9]{1,3}\\.0\\.2\\.[0-9]{1,3}",
            "[!-~]{1,24}",
        ]
    }

    fn field() -> impl Strategy<Value = &'static Field> {
        (0..fields::FIELDS.len()).prop_map(|i| &fields::FIELDS[i])
    }

    /// A format of any fields, and a line for it in which few values are strange.
    fn case() -> impl Strategy<Value = (String, String)> {
        let column = field().prop_flat_map(|f| {
            let value = prop_oneof![30 => valid_value(f), 1 => strange_value().boxed()];
            (Just(f.name), value, prop_oneof![20 => Just(" "), 1 => Just("   ")])
        });
        prop::collection::vec(column, 1..60).prop_map(|columns| {
            let header: Vec<&str> = columns.iter().map(|c| c.0).collect();
            let line: String = columns.iter().flat_map(|c| [c.1.as_str(), c.2]).collect();
            (header.join(" "), line)
        })
    }

    fn same(line: &[u8], header: &str) -> Result<(), TestCaseError> {
        let plan = ColumnPlan::from_header(header.as_bytes()).unwrap();
        let mut fast = FlowRecord::EMPTY;
        let fast = parse_line(line, &plan, &mut fast).map(|()| fast);
        prop_assert_eq!(fast, parse(line, &plan), "{} | {}", header, line.escape_ascii());
        for behind in [b'7', b'.', b' ', b'\n'] {
            same_briskly(line, behind, &plan)?;
        }
        Ok(())
    }

    /// The brisk parser may pass, but what it says is right: whatever stands behind the line, and
    /// whatever line it read before.
    fn same_briskly(line: &[u8], behind: u8, plan: &ColumnPlan) -> Result<(), TestCaseError> {
        let before = vec!["17"; plan.len()].join(" ").into_bytes();
        let (mut cuts, mut memory) = (Cuts::default(), Memory::default());
        let windows = [&before, line].map(|line| window_of(&[line, b"\n"].concat(), behind));
        let mut slate = Slate::default();
        for (window, line) in windows.iter().zip([&before, line]) {
            let found = cuts.find(window, line.len() + 1).filter(|&lines| lines == 1);
            let tokens = found.and_then(|_| cuts.next(&mut Cursor::default(), plan.len()).tokens);
            match tokens.and_then(|begins| brisk::parse(window, begins, plan, &mut memory, &mut slate)) {
                None => slate = Slate::default(),
                Some(()) => {
                    slate.record.has_instance_column = plan.has_instance;
                    prop_assert_eq!(Ok(slate.record), parse(line, plan));
                }
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

        #[test]
        fn both_parsers_agree_on_every_format((header, line) in case()) {
            same(line.as_bytes(), &header)?;
            same(line.trim_end().as_bytes(), &header)?;
        }

        #[test]
        fn both_parsers_agree_on_one_strange_value(f in field(), value in strange_value()) {
            same(value.as_bytes(), f.name)?;
            same(format!("{value} 5").as_bytes(), &format!("{} bytes", f.name))?;
            // Room behind the value, so that the wide loads of the fast parser are taken.
            same(format!("{value} 1700000000 eni-0a1b2c3d4e5f60718").as_bytes(),
                 &format!("{} end interface-id", f.name))?;
        }

        #[test]
        fn both_parsers_agree_on_broken_lines(
            (header, line) in case(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut line = line.into_bytes();
            let place = at.index(line.len());
            line[place] = byte;
            same(&line, &header)?;
            line.truncate(cut.index(line.len()));
            same(&line, &header)?;
        }
    }
}
