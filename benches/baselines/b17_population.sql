-- B17, population analysis over destinations as Elastic's data exfiltration package does it: bytes to each address in
-- three hours, from all sources, against those to all other addresses. Its models and its score of 75 belong to Elastic;
-- here the score is the distance in standard deviations of log bytes over 28 days, and it has no threshold of its own.
CREATE OR REPLACE TABLE hits AS
WITH buckets AS (
    SELECT peer, h // 3 AS bucket, any_value(day) AS day, arg_max(eni, bytes) AS eni, log2(sum(bytes)) AS size
    FROM pair_hours GROUP BY peer, h // 3
),
daily AS (
    SELECT day, count(*) AS n, sum(size) AS sum_size, sum(size * size) AS sum_square FROM buckets GROUP BY day
),
past AS (
    SELECT day, sum(n) OVER before AS n, sum(sum_size) OVER before AS sum_size, sum(sum_square) OVER before AS sum_square
    FROM daily WINDOW before AS (ORDER BY day RANGE BETWEEN 28 PRECEDING AND 1 PRECEDING)
),
population AS (
    SELECT day, sum_size / n AS mean, sqrt(sum_square / n - (sum_size / n) * (sum_size / n)) AS deviation FROM past
)
SELECT eni, network(peer) AS subject, peer, bucket * 3 AS first_hour, bucket * 3 + 2 AS last_hour,
    (size - mean) / deviation AS score, false AS fires
FROM buckets JOIN population USING (day), asked WHERE day >= first_listed AND deviation > 0 AND size > mean;
