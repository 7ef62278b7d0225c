"""B10: the beacon score of RITA v5 (analysis/beacons.go, formulas restated) for each ENI, destination and UTC day.

Flow records say in which minutes something was sent, not when each connection began; so the timestamps are occupied
minutes, of which one record each is known, and sizes are means of an hour. That is all that any tool can know from flow
logs, and it is the trap: whatever keeps a connection open is perfectly regular. `gated` asks for what a careful user would
add: at most nine tenths of the windows occupied, and 1 MiB sent.
"""

import math
from itertools import pairwise

#: What each share of evidence is worth: no, low, medium, high (RITA's default buckets).
WORTH = (0.2, 0.4, 0.6, 0.8)
BEACON_STEPS = (0.5, 0.7, 0.9, 1.0)
LONG_STEPS_HOURS = (1, 4, 8, 12)


def regularity(values, no_spread):
    """(1 - |Bowley's skewness| + share of the median above its MAD) / 2."""
    values = sorted(values)
    low, middle, high = (values[round(share * (len(values) - 1))] for share in (0.25, 0.5, 0.75))
    skew = 0.0 if high - low < 10 or middle in (low, high) else (high + low - 2 * middle) / (high - low)
    mad = sorted(abs(value - middle) for value in values)[len(values) // 2]
    spread = max(0.0, (middle - mad) / middle) if middle >= 1 else no_spread
    return (1 - abs(skew) + spread) / 2


def histogram(hours):
    """1 - variation of the 24 bars, or how well two sizes of bars explain them."""
    mean = sum(hours) / 24
    variation = math.sqrt(sum((count - mean) ** 2 for count in hours) / 24) / mean
    even = 1 - variation if variation <= 1 else 0.0
    bars = [count for count in hours if count]
    if len(bars) < 11:
        return even
    step = max(bars) * 0.05
    sizes = {}
    for count in bars:
        sizes[int(count // step)] = sizes.get(int(count // step), 0) + 1
    two = sum(sorted(sizes.values())[-2:])
    return max(even, two / max(two, len(bars) - 1))


def duration(hours):
    """Share of the day covered, or the longest run of hours over twelve."""
    active = [hour for hour, count in enumerate(hours) if count]
    if len(active) < 6:
        return 0.0
    run = longest = 1
    for one, two in pairwise(active):
        run = run + 1 if two == one + 1 else 1
        longest = max(longest, run)
    return max((active[-1] - active[0] + 1) / 24, min(1.0, longest / 12))


def interpolated(value, steps):
    """The worth of a value between the steps of its buckets."""
    if value < steps[0]:
        return WORTH[0] * value / steps[0]
    for (low, high), (worth, next_worth) in zip(pairwise(steps), pairwise(WORTH), strict=True):
        if value < high:
            return worth + (next_worth - worth) * (value - low) / (high - low)
    return WORTH[-1]


def longest_minutes(minutes, window):
    """Length of the longest stretch without an empty window."""
    run = longest = window
    for one, two in pairwise(minutes):
        run = run + (two - one) if two - one <= window else window
        longest = max(longest, run)
    return longest


def score(minutes, hours, sizes, window, prevalence, age_days):
    """RITA's final score of one pair and day; `minutes` sorted."""
    beacon = 0.0
    gaps = [(two - one) * 60 for one, two in pairwise(minutes)]
    if len(minutes) >= 4 and len(gaps) >= 3:
        parts = (regularity(gaps, 1.0), regularity(sizes, 0.0), histogram(hours), duration(hours))
        beacon = interpolated(round(sum(parts) / 4, 3), BEACON_STEPS)
    long = interpolated(longest_minutes(minutes, window) / 60, LONG_STEPS_HOURS)
    final = max(beacon, long)
    final += 0.15 if prevalence <= 0.02 else -0.15 if prevalence >= 0.5 else 0.0
    final += 0.15 if age_days <= 7 else -0.15 if age_days >= 30 else 0.0
    return max(final, 0.0)


def hits(con):
    """Fills the table `rita` with both scores of each pair and day."""
    window = con.execute("SELECT max(bit_count(minutes)) FROM flows").fetchone()[0]
    window = 1 if window > 6 else 10  # minutes: 60 or 600 s of aggregation
    enis = con.execute("SELECT count(DISTINCT eni) FROM flows").fetchone()[0]
    rows = con.execute("""
        WITH hours AS (
            SELECT eni, peer, day, h, bit_or(minutes) AS minutes, sum(egress_records) AS records, sum(egress_bytes) AS bytes
            FROM flows GROUP BY eni, peer, day, h
        ),
        shared AS (SELECT peer, day, count(DISTINCT eni) AS enis FROM flows GROUP BY peer, day),
        met AS (SELECT peer, min(day) AS first_day FROM flows GROUP BY peer)
        SELECT eni, hours.peer, hours.day, any_value(shared.enis), hours.day - any_value(met.first_day),
            list((h, minutes, records, bytes) ORDER BY h)
        FROM hours JOIN shared USING (peer, day) JOIN met USING (peer), asked
        WHERE hours.day >= first_listed
        GROUP BY eni, hours.peer, hours.day HAVING sum(bit_count(minutes)) >= 4
    """)
    found = []
    while batch := rows.fetchmany(2000):
        found += (scored(row, window, enis) for row in batch)
    con.execute("CREATE OR REPLACE TABLE rita(eni VARCHAR, peer VARCHAR, first_hour BIGINT, last_hour BIGINT,"
                " score DOUBLE, is_gated BOOLEAN)")
    columns = list(zip(*found, strict=True)) or [()] * 6
    con.execute("INSERT INTO rita SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[]), unnest($3::BIGINT[]),"
                " unnest($4::BIGINT[]), unnest($5::DOUBLE[]), unnest($6::BOOLEAN[])", [list(column) for column in columns])


def scored(row, window, enis):
    """One pair and day: its score, and whether the gate lets it through."""
    eni, peer, day, sharing, age_days, listed = row
    minutes, counts, sizes, sent = [], [0] * 24, [], 0
    for hour, bits, records, size in listed:
        occupied = [minute for minute in range(60) if bits >> minute & 1]
        minutes += [(hour - day * 24) * 60 + minute for minute in occupied]
        counts[hour - day * 24] = records
        sizes += [size / max(records, 1)] * len(occupied)
        sent += size
    is_gated = len(minutes) * window <= 0.9 * 1440 and sent >= 1 << 20
    value = score(minutes, counts, sizes, window, sharing / enis, age_days)
    # RITA orders equal scores by nothing; bytes break ties, so that there is an order at all.
    return eni, peer, listed[0][0], listed[-1][0], value + min(sent, 10**15) * 1e-18, is_gated
