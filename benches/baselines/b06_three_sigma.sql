-- B6, what everybody writes first: an ENI's hour above mean + 3 standard deviations of its 28 days before.
CREATE OR REPLACE TABLE hits AS
WITH past AS (
    SELECT *, avg(bytes) OVER before AS mean, stddev_samp(bytes) OVER before AS deviation
    FROM eni_hours
    WINDOW before AS (PARTITION BY eni ORDER BY day RANGE BETWEEN 28 PRECEDING AND 1 PRECEDING)
)
SELECT eni, eni AS subject, CAST(NULL AS VARCHAR) AS peer, h AS first_hour, h AS last_hour,
    (bytes - mean) / deviation AS score, (bytes - mean) / deviation > 3 AS fires
FROM past, asked WHERE day >= first_listed AND deviation > 0 AND bytes > mean;
