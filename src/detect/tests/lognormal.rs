//! Clean fleets whose hourly volumes are lognormal, the shape that naive sigmas fail on (detection.md
//! 0.4): what is said to happen once in a hundred chances happens about so often.

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, LogNormal};

use super::*;
use crate::baseline::series::Series;

/// Days scored after the history, against one snapshot: nothing in them differs from it but chance.
const SCORED_DAYS: u32 = 40;
/// Spread of the logarithm of an hour's bytes, nats: a factor of 2.2 either way.
const SIGMA: f64 = 0.8;

/// Bytes of an hour: a pure function of the ENI, the destination and the hour.
fn lognormal_bytes(eni: usize, peer: u64, hour: Hour) -> u64 {
    let seed = (eni as u64) << 40 | peer << 32 | u64::from(hour.0);
    let median_mib = [30.0, 60.0, 120.0][eni % 3];
    let hours = LogNormal::new(f64::ln(median_mib * MIB as f64), SIGMA).unwrap();
    hours.sample(&mut ChaCha8Rng::seed_from_u64(seed)) as u64
}

fn lognormal(eni: usize, hour: Hour) -> Vec<FlowWindow> {
    let peers = [(KNOWN, 0), ("198.51.100.7", 1)];
    let flows = peers.map(|(peer, at)| {
        let bytes = lognormal_bytes(eni, at, hour);
        flow(peer, bytes, 4 * bytes)
    });
    flows.into()
}

/// Smallest p of D2 and of D3 in an hour whose volumes are those of `drawn`.
fn smallest(lab: &Lab, eni: usize, hour_of_day: usize, drawn: Hour) -> [f64; 2] {
    let (model, place) = (&lab.snapshot.enis[&id(eni)], (id(eni).account, id(eni).region));
    let fleet = &lab.snapshot.fleets[&place];
    let bytes: Vec<u64> = lognormal(eni, drawn).iter().map(FlowWindow::egress_app_bytes).collect();
    let series = &model.series[Series::Client as usize];
    let floor_bytes = lab.settings.volume_floor_bytes;
    let all = volume::evidence(bytes.iter().sum(), hour_of_day, floor_bytes, series, fleet);
    let known: Vec<_> = model.destinations.values().flatten().collect();
    assert_eq!(known.len(), bytes.len(), "both destinations have a model");
    let each = known
        .iter()
        .zip(&bytes)
        .flat_map(|(model, bytes)| known_destination::evidence(*bytes, *bytes, 0, hour_of_day, model, fleet));
    let of_hour = each.filter(|found| found.detector == Detector::KnownDestinationHour);
    [all.map_or(1.0, |found| found.p), of_hour.map(|found| found.p).fold(1.0, f64::min)]
}

#[test]
fn a_clean_lognormal_fleet_meets_its_nominal_rates() {
    let lab = Lab::after(28, lognormal);
    let first = lab.now.day().first_hour();
    let levels = [1e-1, 1e-2, 1e-3];
    let mut counts = [[0_u32; 3]; 2];
    let mut chances = 0_u32;
    for (day, eni) in (0..SCORED_DAYS).flat_map(|day| (0..ENIS).map(move |eni| (day, eni))) {
        for hour_of_day in 0..24_u32 {
            let drawn = Hour(first.0 + 24 * day + hour_of_day);
            chances += 1;
            for (count, p) in counts.iter_mut().zip(smallest(&lab, eni, hour_of_day as usize, drawn)) {
                count.iter_mut().zip(levels).for_each(|(count, level)| *count += u32::from(p <= level));
            }
        }
    }
    for (count, detector) in counts.iter().zip(["D2", "D3"]) {
        for (count, level) in count.iter().zip(levels) {
            let nominal = level * f64::from(chances);
            // Twice as often, and two standard deviations of a count.
            let most = 2.0 * nominal + 2.0 * (2.0 * nominal).sqrt() + 1.0;
            assert!(f64::from(*count) <= most, "{detector} at {level}: {count} for {nominal:.1}: {counts:?}");
        }
        let nominal = 1e-2 * f64::from(chances);
        assert!(f64::from(count[1]) > nominal / 5.0, "{detector} sleeps: {counts:?} of {chances}");
    }
}
