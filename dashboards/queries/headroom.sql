-- How much left each interface in one day, to one destination, without being told: new to it on that day, and known.
-- What was seen to pass is a lower bound of what could pass; `outflow backtest --headroom --save` measures that. The
-- first three days of an interface are left out, while everything is new to it.
WITH lives AS (SELECT account, eni, min("day") AS born FROM egress GROUP BY account, eni),
days AS (
    SELECT account, region, eni, destination, "day", sum(egress_bytes) AS day_bytes
    FROM egress
    GROUP BY account, region, eni, destination, "day"
),
met AS (SELECT account, eni, destination, min("day") AS first_day FROM days GROUP BY account, eni, destination),
told AS (
    SELECT DISTINCT account, eni, CAST("date" AS date) AS "day" FROM alerts WHERE emitted
),
quiet AS (
    SELECT days.account, days.region, days.eni, days.destination, days."day", days.day_bytes,
        met.first_day = days."day" AS is_new
    FROM days
    JOIN met ON met.account = days.account AND met.eni = days.eni AND met.destination = days.destination
    JOIN lives ON lives.account = days.account AND lives.eni = days.eni
    LEFT JOIN told ON told.account = days.account AND told.eni = days.eni AND told."day" = days."day"
    WHERE told.eni IS NULL AND days."day" >= lives.born + INTERVAL '3' DAY
)
SELECT account, region, eni,
    count(DISTINCT "day") AS quiet_days,
    coalesce(max(CASE WHEN is_new THEN day_bytes END), 0) AS new_destination_bytes,
    coalesce(max(CASE WHEN NOT is_new THEN day_bytes END), 0) AS known_destination_bytes
FROM quiet
GROUP BY account, region, eni
ORDER BY new_destination_bytes DESC, known_destination_bytes DESC, eni
