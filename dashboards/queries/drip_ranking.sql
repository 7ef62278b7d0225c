-- Slow, steady sending to places that few interfaces know, over the last fourteen days of the lake.
-- `evenness` is the mean day over the largest: near 1 every day sends as much, near 0 one burst did it all.
WITH newest AS (SELECT max("day") AS last_day FROM egress),
days AS (
    SELECT account, region, eni, destination, "day",
        sum(egress_bytes) AS day_bytes,
        count(DISTINCT "hour") AS hours
    FROM egress
    GROUP BY account, region, eni, destination, "day"
),
spread AS (
    SELECT account, destination, count(DISTINCT eni) AS enis FROM days GROUP BY account, destination
)
SELECT days.account, days.region, days.eni, days.destination,
    count(*) AS days,
    sum(days.hours) AS hours,
    sum(days.day_bytes) AS egress_bytes,
    max(days.day_bytes) AS largest_day_bytes,
    round(avg(CAST(days.day_bytes AS double)) / max(days.day_bytes), 3) AS evenness,
    max(spread.enis) AS enis
FROM days
JOIN spread ON spread.account = days.account AND spread.destination = days.destination
CROSS JOIN newest
WHERE days."day" > newest.last_day - INTERVAL '14' DAY AND spread.enis <= 2
GROUP BY days.account, days.region, days.eni, days.destination
HAVING count(*) >= 3 AND sum(days.day_bytes) >= 10485760
ORDER BY egress_bytes DESC, days.eni, days.destination
LIMIT 50
