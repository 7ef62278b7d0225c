-- The hours of a lake as every baseline reads them: accepted egress of instances to outside addresses.
-- Placeholders: {lake} the folder, {roles} a condition on the role, {learn_days} days before the first that counts.
-- Hours and days are whole numbers since 1970, so that windows over days are windows over integers.
CREATE OR REPLACE TABLE flows AS
SELECT CAST(epoch_ms(hour) // 3600000 AS BIGINT) AS h,
    CAST(epoch_ms(hour) // 86400000 AS BIGINT) AS day,
    account, eni, peer, protocol, port, service, minutes,
    egress_bytes, egress_app_bytes, egress_packets, egress_records,
    CAST(epoch_ms(first_seen) // 1000 AS BIGINT) AS first_second,
    CAST(epoch_ms(last_seen) // 1000 AS BIGINT) AS last_second
FROM read_parquet('{lake}/hourly/*/*/*/*.parquet', hive_partitioning = true, hive_types = {{'account': VARCHAR}})
WHERE class = 'instance' AND coalesce(action, 'ACCEPT') = 'ACCEPT' AND egress_bytes > 0 AND {roles}
    AND NOT regexp_matches(peer, '^(0|10|127)[.]|^192[.]168[.]|^169[.]254[.]|^172[.](1[6-9]|2[0-9]|3[01])[.]|^100[.](6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])[.]|^(22[4-9]|23[0-9])[.]|^255[.]255[.]255[.]255|^f[cdf][0-9a-f]{{2}}:|^fe[89a-f][0-9a-f]:|^::1$');

-- What makes two addresses the same cause tomorrow: object stores and CDNs answer from another address every day.
CREATE OR REPLACE MACRO network(peer) AS
    CASE WHEN peer LIKE '%:%' THEN regexp_extract(peer, '^([0-9a-f]*:[0-9a-f]*)', 1)
    ELSE regexp_extract(peer, '^([0-9]+[.][0-9]+)', 1) END;

-- An ENI's hours, and its hours with each destination.
CREATE OR REPLACE TABLE eni_hours AS
SELECT eni, h, any_value(day) AS day, sum(egress_bytes) AS bytes FROM flows GROUP BY eni, h;
CREATE OR REPLACE TABLE pair_hours AS
SELECT eni, peer, eni || ' ' || any_value(network(peer)) AS cause, h, any_value(day) AS day, sum(egress_bytes) AS bytes,
    -- A record's own bytes are not in a lake. The mean of the largest port is at most the largest record.
    max(egress_bytes / greatest(egress_records, 1)) AS record_bytes,
    min(first_second) AS first_second, max(last_second) AS last_second
FROM flows GROUP BY eni, peer, h;

-- Days that count, and a week before them, so that what was told then is not news.
CREATE OR REPLACE TABLE asked AS
SELECT min(day) + {learn_days} AS first_day, min(day) + {learn_days} - 7 AS first_listed FROM eni_hours;
