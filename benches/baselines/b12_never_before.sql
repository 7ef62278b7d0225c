-- B12, what the published words on GuardDuty's volume and port findings describe: a remote port this host never used,
-- or more to this remote host than ever, after 14 days of learning. The service itself is not public and cannot be run
-- on simulated logs: this is NOT GuardDuty. Scored by how many times the most ever it is; 10 MiB count as nothing, and
-- pairs that never reach 2 MiB in an hour are left out.
CREATE OR REPLACE TABLE hits AS
WITH ports AS (SELECT eni, port, min(day) AS port_day FROM flows GROUP BY eni, port),
known AS (SELECT eni, min(day) AS eni_day FROM flows GROUP BY eni),
large AS (SELECT eni, peer FROM pair_hours GROUP BY eni, peer HAVING max(bytes) >= 2097152),
past AS (
    SELECT pair_hours.*, max(bytes) OVER (
        PARTITION BY eni, peer ORDER BY day RANGE BETWEEN 28 PRECEDING AND 1 PRECEDING) AS most
    FROM pair_hours JOIN large USING (eni, peer)
),
new_ports AS (
    SELECT DISTINCT flows.eni, flows.peer, flows.h FROM flows JOIN ports USING (eni, port), asked
    WHERE port_day = flows.day AND flows.day >= first_listed
),
scores AS (
    SELECT past.*, bytes / (CASE WHEN new_ports.h IS NULL THEN coalesce(most, 0) ELSE 0 END + 10485760) AS score
    FROM past LEFT JOIN new_ports USING (eni, peer, h)
)
SELECT eni, cause AS subject, peer, h AS first_hour, h AS last_hour, score, score > 1 AS fires
FROM scores JOIN known USING (eni), asked WHERE day >= first_listed AND day >= eni_day + 14;
