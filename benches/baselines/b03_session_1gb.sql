-- B3, Mozilla foxsec: 1 GB in a session, which ends when nothing was sent for 1,800 s.
-- The score of an hour is what the session holds by its end. Pairs below 20 MB in all are far below any budget.
CREATE OR REPLACE TABLE hits AS
WITH large AS (SELECT eni, peer FROM pair_hours GROUP BY eni, peer HAVING sum(bytes) >= 20e6),
gaps AS (
    SELECT *, coalesce(first_second - lag(last_second) OVER pair > 1800, true) AS begins
    FROM pair_hours JOIN large USING (eni, peer) WINDOW pair AS (PARTITION BY eni, peer ORDER BY h)
),
sessions AS (
    SELECT *, sum(CAST(begins AS INT)) OVER (PARTITION BY eni, peer ORDER BY h) AS session FROM gaps
),
sums AS (
    SELECT *, sum(bytes) OVER (PARTITION BY eni, peer, session ORDER BY h) AS session_bytes FROM sessions
)
SELECT eni, cause AS subject, peer, h AS first_hour, h AS last_hour,
    CAST(session_bytes AS DOUBLE) AS score, session_bytes >= 1e9 AS fires
FROM sums, asked WHERE day >= first_listed;
