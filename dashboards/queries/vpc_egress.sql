-- What left each VPC on each day, and the interface that sent most of it. A VPC that the flow log's format does not
-- name is shown as empty.
WITH sent AS (
    SELECT account, region, coalesce(vpc, '') AS vpc, "day", eni,
        sum(egress_bytes) AS eni_bytes,
        count(DISTINCT destination) AS destinations
    FROM egress
    GROUP BY account, region, coalesce(vpc, ''), "day", eni
),
ranked AS (
    SELECT account, region, vpc, "day", eni, eni_bytes, destinations,
        row_number() OVER (PARTITION BY account, region, vpc, "day" ORDER BY eni_bytes DESC, eni) AS place
    FROM sent
)
SELECT account, region, vpc, "day",
    sum(eni_bytes) AS egress_bytes,
    count(*) AS enis,
    max(destinations) AS most_destinations_of_an_eni,
    max(CASE WHEN place = 1 THEN eni END) AS top_eni,
    max(CASE WHEN place = 1 THEN eni_bytes END) AS top_eni_bytes
FROM ranked
GROUP BY account, region, vpc, "day"
ORDER BY "day" DESC, egress_bytes DESC
