-- B2, data upload as Slips has it: 500 MB to one address in an hour, or 100 MB in one flow.
CREATE OR REPLACE TABLE hits AS
SELECT eni, cause AS subject, peer, h AS first_hour, h AS last_hour,
    greatest(bytes / 500e6, record_bytes / 100e6) AS score,
    greatest(bytes / 500e6, record_bytes / 100e6) >= 1 AS fires
FROM pair_hours, asked WHERE day >= first_listed;
