//! The traps that other detectors fell into (detection.md D), each with the test that keeps us out of it.
//! The table is checked: a test that is renamed, ignored or gone fails here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Number, what others did, and the tests that would see us do it.
const TRAPS: [(u8, &str, &[&str]); 21] = [
    (1, "the baseline learns an hour before it judges it", &["the_baseline_is_tested_before_it_learns"]),
    (
        2,
        "a spread of zero fires never or always",
        &[
            "a_series_whose_mad_is_zero_neither_sleeps_nor_screams",
            "a_constant_series_neither_sleeps_nor_screams",
            "an_all_zero_series_gives_finite_evidence",
            "a_series_of_one_sample_says_little",
            "mad_is_zero_then_one_spike_is_still_found",
        ],
    ),
    (3, "sums of 32 bits overflow", &["a_32_bit_sum_would_overflow_here"]),
    (4, "downloads count as uploads", &["total_bytes_of_a_download_raise_nothing"]),
    (5, "a burst is averaged away", &["trap_05_a_burst_of_one_hour_is_not_averaged_away"]),
    (
        6,
        "thresholds by record move with the aggregation interval",
        &["the_same_volume_at_60_and_600_s_scores_the_same"],
    ),
    (
        7,
        "lists of private ranges with typos, or without IPv6",
        &["trap_07_every_reserved_range_is_inside_and_its_neighbours_are_not", "ipv6_is_scored_like_ipv4"],
    ),
    (8, "gaps are taken across destinations", &["trap_08_gaps_are_not_taken_across_destinations"]),
    (
        9,
        "snapped times look periodic",
        &["poisson_clients_on_60_and_600_second_windows_do_not_beacon", "beacons_are_even_on_both_windows"],
    ),
    (10, "a provider's ranges are trusted", &["aws_ranges_are_rolled_up_not_trusted"]),
    (
        11,
        "filters act at import, so changing one means reading everything again",
        &["trap_11_what_is_inside_is_decided_when_scoring_not_when_reading"],
    ),
    (12, "first seen by the wall clock", &["trap_12_first_seen_is_event_time"]),
    (13, "a threshold that no score reaches", &["trap_13_no_threshold_is_out_of_reach"]),
    (14, "replies of servers are new destinations", &["served_replies_are_not_new_destinations"]),
    (
        15,
        "bytes count at the host and again at the NAT gateway",
        &["relays_are_counted_and_not_scored", "relays_are_known_by_type_or_by_forwarding"],
    ),
    (
        16,
        "one baseline for an account, or one for each hour of the week",
        &["trap_16_a_loud_neighbour_does_not_hide_a_quiet_host", "one_day_of_history_is_not_evidence"],
    ),
    (
        17,
        "what is suppressed is erased",
        &[
            "it_hides_what_it_names_and_teaches_nothing",
            "it_hides_also_what_is_high_by_rule_until_it_expires",
        ],
    ),
    (18, "denied and one-packet flows count as volume", &["one_packet_flows_and_rejects_raise_no_volume"]),
    (19, "the attack becomes the baseline", &["suspicious_hours_are_not_learned_for_a_week"]),
    (20, "decoys use up the budget", &["decoys_do_not_silence_high"]),
    (
        21,
        "a plausible probability of evenness that is wrong on snapped times",
        &[
            "poisson_clients_on_60_and_600_second_windows_do_not_beacon",
            "the_moments_are_those_of_all_placements",
        ],
    ),
];

/// Names of the tests in the sources, those that are ignored left out.
fn tests_of(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            tests_of(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut lines = text.lines().map(str::trim);
            while let Some(line) = lines.next() {
                if line == "#[test]" {
                    let rest = lines.by_ref().find(|line| !line.starts_with("//"));
                    let name =
                        rest.and_then(|line| line.strip_prefix("fn ")).and_then(|l| l.split('(').next());
                    found.extend(name.map(str::to_owned));
                }
            }
        }
    }
}

#[test]
fn every_trap_has_a_test_that_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = Vec::new();
    for folder in ["src", "tests"] {
        tests_of(&root.join(folder), &mut tests);
    }
    assert!(tests.len() > 300, "{} tests found", tests.len());
    let mut lacking = Vec::new();
    for (number, trap, named) in &TRAPS {
        assert!(!named.is_empty());
        lacking.extend(
            named
                .iter()
                .filter(|name| !tests.iter().any(|test| test == *name))
                .map(|name| format!("trap {number} ({trap}): there is no test {name} that runs")),
        );
    }
    assert!(lacking.is_empty(), "\n{}", lacking.join("\n"));
    let numbers: Vec<u8> = TRAPS.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=21).collect::<Vec<_>>());
}
