-- B10 with a gate: what occupies nearly all windows is persistent contact and no beacon, and 1 MiB has to be sent.
CREATE OR REPLACE TABLE hits AS
SELECT eni, eni || ' ' || network(peer) AS subject, peer, first_hour, last_hour, score, score > 0.8 AS fires
FROM rita WHERE score > 0 AND is_gated;
