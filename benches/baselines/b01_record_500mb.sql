-- B1, a static check of Turbot's Tailpipe mod: more than 500,000,000 bytes in one accepted record.
-- Its meaning follows the aggregation interval: ten times as strict at 60 s as at 600 s.
CREATE OR REPLACE TABLE hits AS
SELECT eni, cause AS subject, peer, h AS first_hour, h AS last_hour,
    record_bytes AS score, record_bytes > 500e6 AS fires
FROM pair_hours, asked WHERE day >= first_listed;
