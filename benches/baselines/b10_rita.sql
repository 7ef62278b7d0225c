-- B10, the final score of RITA v5, which rita.py computes pair by pair into the table `rita`; high from 0.8.
CREATE OR REPLACE TABLE hits AS
SELECT eni, eni || ' ' || network(peer) AS subject, peer, first_hour, last_hour, score, score > 0.8 AS fires
FROM rita WHERE score > 0;
