-- B11, `series_decompose_anomalies` as Microsoft Sentinel's rule for exfiltration uses it: 14 days of hours, the mean of
-- the hour of the day taken off, and Tukey's fence with the 10th and 90th percentiles around the rest; score above 5.
-- The rule has one series for a vendor; here each ENI has its own, which is kinder. Silent hours are zero.
CREATE OR REPLACE TABLE hits AS
WITH spans AS (SELECT eni, min(h) AS first_hour, max(h) AS last_hour FROM eni_hours GROUP BY eni),
series AS (
    SELECT spans.eni, slot.h, slot.h // 24 AS day, slot.h % 24 AS hour_of_day,
        CAST(coalesce(eni_hours.bytes, 0) AS DOUBLE) AS bytes
    FROM spans, unnest(generate_series(spans.first_hour, spans.last_hour)) AS slot(h)
    LEFT JOIN eni_hours ON eni_hours.eni = spans.eni AND eni_hours.h = slot.h
),
days AS (SELECT DISTINCT eni, day FROM series, asked WHERE day >= first_listed),
past AS (
    SELECT days.eni, days.day, hour_of_day, bytes,
        avg(bytes) OVER (PARTITION BY days.eni, days.day, hour_of_day) AS seasonal
    FROM days JOIN series ON series.eni = days.eni AND series.day BETWEEN days.day - 14 AND days.day - 1
),
fences AS (
    SELECT eni, day, quantile_cont(bytes - seasonal, 0.1) AS low, quantile_cont(bytes - seasonal, 0.9) AS high
    FROM past GROUP BY eni, day
),
seasons AS (SELECT DISTINCT eni, day, hour_of_day, seasonal FROM past),
scores AS (
    SELECT series.eni, series.h, (series.bytes - seasonal - high) / (high - low) AS score
    FROM series JOIN seasons USING (eni, day, hour_of_day) JOIN fences USING (eni, day)
    WHERE high > low
)
SELECT eni, eni AS subject, CAST(NULL AS VARCHAR) AS peer, h AS first_hour, h AS last_hour, score, score > 5 AS fires
FROM scores WHERE score > 0;
