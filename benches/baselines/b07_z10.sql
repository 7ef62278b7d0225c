-- B7, the `statistical_anomaly` macro of Panther: hourly bytes of a source to ports below 1024, AWS services left out,
-- more than 10 standard deviations above the mean of its 7 days before.
CREATE OR REPLACE TABLE hits AS
WITH hours AS (
    SELECT eni, h, any_value(day) AS day, sum(egress_bytes) AS bytes
    FROM flows WHERE port < 1024 AND service IS NULL GROUP BY eni, h
),
past AS (
    SELECT *, avg(bytes) OVER before AS mean, stddev_samp(bytes) OVER before AS deviation
    FROM hours
    WINDOW before AS (PARTITION BY eni ORDER BY day RANGE BETWEEN 7 PRECEDING AND 1 PRECEDING)
)
SELECT eni, eni AS subject, CAST(NULL AS VARCHAR) AS peer, h AS first_hour, h AS last_hour,
    (bytes - mean) / deviation AS score, (bytes - mean) / deviation > 10 AS fires
FROM past, asked WHERE day >= first_listed AND deviation > 0 AND bytes > mean;
