-- B8, Panther's pull request 2031 (not merged): an account's mean hour of the last 7 days against hours of 97 to 7 days
-- ago; bytes above 3 standard deviations AND destinations, ports or sources above 2.
-- It names an account. Here it is credited with the interface whose mean hour rose most, and its ten destinations.
-- How far the mean of the last 7 days is above that of the days before, in deviations of single hours.
CREATE OR REPLACE MACRO rose(value, days_ago) AS
    (avg(value) FILTER (days_ago < 7) - avg(value) FILTER (days_ago >= 7))
    / nullif(stddev_samp(value) FILTER (days_ago >= 7), 0);

CREATE OR REPLACE TABLE hits AS
WITH hours AS (
    SELECT account, h, any_value(day) AS day, CAST(sum(egress_bytes) AS DOUBLE) AS bytes,
        count(DISTINCT peer) AS peers, count(DISTINCT port) AS ports, count(DISTINCT eni) AS enis
    FROM flows GROUP BY account, h
),
days AS (SELECT DISTINCT account, day FROM hours),
compared AS (
    SELECT days.account, days.day,
        rose(bytes, days.day - hours.day) AS z_bytes, rose(peers, days.day - hours.day) AS z_peers,
        rose(ports, days.day - hours.day) AS z_ports, rose(enis, days.day - hours.day) AS z_enis
    FROM days JOIN hours ON hours.account = days.account AND hours.day BETWEEN days.day - 97 AND days.day
    GROUP BY days.account, days.day
),
rises AS (
    SELECT days.account, days.day, eni,
        coalesce(avg(bytes) FILTER (days.day - e.day < 7), 0) - coalesce(avg(bytes) FILTER (days.day - e.day >= 7), 0) AS rise
    FROM days JOIN (SELECT any_value(account) AS account, eni, h, any_value(day) AS day, sum(egress_bytes) AS bytes
                    FROM flows GROUP BY eni, h) AS e
        ON e.account = days.account AND e.day BETWEEN days.day - 97 AND days.day
    GROUP BY days.account, days.day, eni
),
first AS (SELECT account, day, arg_max(eni, rise) AS eni FROM rises GROUP BY account, day)
SELECT eni, compared.account AS subject, CAST(NULL AS VARCHAR) AS peer,
    (compared.day - 6) * 24 AS first_hour, compared.day * 24 + 23 AS last_hour,
    least(z_bytes / 3, greatest(z_peers, z_ports, z_enis) / 2) AS score,
    least(z_bytes / 3, greatest(z_peers, z_ports, z_enis) / 2) > 1 AS fires
FROM compared JOIN first USING (account, day), asked
WHERE compared.day >= first_listed AND least(z_bytes, greatest(z_peers, z_ports, z_enis)) > 0;
