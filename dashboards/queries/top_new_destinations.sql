-- Destinations that an interface first reached in the last seven days of the lake, by bytes sent.
-- `enis` says how many interfaces of the account reach the same destination: 1 is rarer than 40.
WITH newest AS (SELECT max("day") AS last_day FROM egress),
pairs AS (
    SELECT account, region, eni, destination,
        min("day") AS first_day,
        count(DISTINCT "day") AS days,
        sum(egress_bytes) AS egress_bytes
    FROM egress
    GROUP BY account, region, eni, destination
),
spread AS (SELECT account, destination, count(*) AS enis FROM pairs GROUP BY account, destination)
SELECT pairs.account, pairs.region, pairs.eni, pairs.destination, pairs.first_day, pairs.days,
    pairs.egress_bytes, spread.enis
FROM pairs
JOIN spread ON spread.account = pairs.account AND spread.destination = pairs.destination
CROSS JOIN newest
WHERE pairs.first_day > newest.last_day - INTERVAL '7' DAY
ORDER BY pairs.egress_bytes DESC, pairs.eni, pairs.destination
LIMIT 50
