//! What a scored hour teaches: all but the subjects that stood out.

use super::balance;
use super::features::EniFeatures;
use super::hour::HourOutcome;
use super::met::{Met, OfDay};
use crate::baseline::counts::producer_consumer_ratio;
use crate::baseline::eni::{EniModel, EniToday, Tier};
use crate::baseline::fleet::Pool;
use crate::baseline::hour_level::HourLevel;
use crate::baseline::level::Level;
use crate::baseline::series::{DaySamples, Series};
use crate::limits::PORTS_PER_ENI_MAX;
use crate::net::Prefix;
use crate::window::EniHour;

/// Subjects of an hour that are not learned from, beside destinations.
#[derive(Debug, Default)]
pub(super) struct HeldBack {
    /// Clients, sorted.
    pub(super) served: Vec<Prefix>,
    /// Fan-out.
    pub(super) spread: bool,
}

/// Takes in what may be learned of the hour. The pools take in everything: they say how often
/// series stand out, and a pool that left out what it raised would believe its own alarms.
pub(super) fn learn(
    hour: &EniHour,
    features: &EniFeatures,
    met: &[Met<'_>],
    held: &HeldBack,
    (model, tier): (&EniModel, Tier),
    today: &mut EniToday,
    outcome: &mut HourOutcome,
) {
    let at = hour.hour.of_day();
    let mut client = 0_u64;
    let (mut ports, mut last_ports) = (Vec::new(), Vec::new());
    outcome.own_bits.reserve(met.len() + Series::ALL.len());
    for one in met {
        let sums = one.sums;
        let level = Level::of_bytes(sums.app_bytes);
        if let Some(known) = &one.known(&today.destinations).model {
            outcome.own_bits.push((Pool::DestinationHour, known.own_hour_bits(at, level)));
        }
        let sustained = Level::of_bytes(sums.sustained_bytes);
        if let OfDay::Followed(place) = one.day {
            let day = today.destinations.at_mut(place);
            day.sustained = day.sustained.max(sustained);
            if !one.is_held {
                day.learned_hours[at] = HourLevel::of_level(level);
                day.learned_sustained = day.learned_sustained.max(HourLevel::of_level(sustained));
                day.learned_bytes = day.learned_bytes.saturating_add(sums.app_bytes);
            }
        }
        if one.is_held {
            continue;
        }
        client = client.saturating_add(sums.app_bytes);
        features.ports_of(hour, sums, &mut ports);
        // Most destinations are used by the same port as the one before.
        if ports != last_ports {
            today.ports.extend(ports.iter().take(PORTS_PER_ENI_MAX));
            std::mem::swap(&mut ports, &mut last_ports);
        }
        if let Some((event, _)) = sums.rare {
            outcome.rare[event as usize] = true;
        }
        if sums.app_bytes >= balance::LEARN_BYTES {
            today.balance.add(producer_consumer_ratio(sums.app_bytes, sums.ingress_app_bytes));
        }
    }
    learn_series(at, client, features, held, (model, tier), &mut today.samples, outcome);
}

/// The same of the ENI's hourly series, `client_app_bytes` of which may be learned.
fn learn_series(
    at: usize,
    client_app_bytes: u64,
    features: &EniFeatures,
    held: &HeldBack,
    (model, tier): (&EniModel, Tier),
    samples: &mut DaySamples,
    outcome: &mut HourOutcome,
) {
    let most = |keep: &dyn Fn(&Prefix) -> bool| {
        features.served.iter().filter(|(p, _)| keep(p)).map(|(_, t)| t.app_bytes).max().unwrap_or(0)
    };
    let served = most(&|prefix| held.served.binary_search(prefix).is_err());
    let (bytes, fan_out, rejected) =
        (Level::of_bytes, Level::of_count(features.fan_out), Level::of_count(features.rejected_fan_out));
    // What was seen, and what may be learned of it.
    let levels = [
        (Series::Client, Pool::Client, bytes(features.client_app_bytes), Some(bytes(client_app_bytes))),
        (Series::ServedTop, Pool::ServedTop, bytes(most(&|_| true)), Some(bytes(served))),
        (Series::FanOut, Pool::FanOut, fan_out, (!held.spread).then_some(fan_out)),
        (Series::RejectedFanOut, Pool::RejectedFanOut, rejected, (!held.spread).then_some(rejected)),
    ];
    samples.seen |= 1 << at;
    for (series, pool, seen, learned) in levels {
        let of_series = &model.series[series as usize];
        // A held-back hour leaves the expected value in its place: the series has no gap.
        let learned = learned.unwrap_or_else(|| of_series.expected(at));
        samples.levels[series as usize][at] = learned;
        if tier > Tier::Learning {
            outcome.own_bits.push((pool, of_series.own_bits(at, seen)));
        }
    }
}
