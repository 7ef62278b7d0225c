-- From a baseline's `hits` to the list that `outflow eval --incidents` judges, the same for all of them.
-- A hit: eni, subject (what makes it the same cause tomorrow), peer (NULL: the rule names none), first_hour, last_hour,
-- score (above 0), fires (by the rule's own threshold).
--
-- What was told is no news: of one subject's hits of a day the strongest counts, and only when none of the seven days
-- before was as strong. The others are marked `continues`: they may find an attack, they are no false incident. Kinder
-- than the rules are to their readers, and than outflow is to itself.
CREATE OR REPLACE TABLE highest AS
SELECT * FROM hits
WHERE fires OR score >= coalesce((SELECT score FROM hits ORDER BY score DESC LIMIT 1 OFFSET 20000), 0);
CREATE OR REPLACE TABLE marked AS
SELECT *, last_hour // 24 AS day,
    row_number() OVER (PARTITION BY subject, last_hour // 24 ORDER BY score DESC, last_hour, peer) > 1
    OR coalesce(max(score) OVER (
        PARTITION BY subject ORDER BY last_hour // 24 RANGE BETWEEN 7 PRECEDING AND 1 PRECEDING
    ) >= score, false) AS continues
FROM highest;

-- What is far below any budget need not be written.
CREATE OR REPLACE TABLE kept AS
SELECT row_number() OVER (ORDER BY score DESC, eni, subject, last_hour, peer) AS id, * FROM marked
WHERE day >= (SELECT first_day FROM asked) AND (fires OR score >= coalesce((
    SELECT score FROM marked WHERE NOT continues AND day >= (SELECT first_day FROM asked)
    ORDER BY score DESC LIMIT 1 OFFSET 600), 0));

-- Who reads that an interface sent much looks at the ten largest destinations of those hours.
CREATE OR REPLACE TABLE largest AS
SELECT id, list({{'peer': peer}} ORDER BY place) AS destinations
FROM (
    SELECT kept.id, pair_hours.peer,
        row_number() OVER (PARTITION BY kept.id ORDER BY sum(pair_hours.bytes) DESC, pair_hours.peer) AS place
    FROM kept JOIN pair_hours
        ON pair_hours.eni = kept.eni AND pair_hours.h BETWEEN kept.first_hour AND kept.last_hour
    WHERE kept.peer IS NULL
    GROUP BY kept.id, pair_hours.peer
)
WHERE place <= 10 GROUP BY id;

COPY (
    SELECT eni, coalesce(kept.peer, largest.destinations[1].peer) AS peer,
        coalesce(largest.destinations, []) AS destinations,
        strftime(make_timestamp(first_hour * 3600000000), '%Y-%m-%dT%H:%M:%SZ') AS first_seen,
        strftime(make_timestamp((last_hour * 3600 + 3599) * 1000000), '%Y-%m-%dT%H:%M:%SZ') AS last_seen,
        strftime(make_timestamp(last_hour * 3600000000), '%Y-%m-%dT%H:%M:%SZ') AS window_start,
        strftime(make_timestamp((last_hour + 1) * 3600000000), '%Y-%m-%dT%H:%M:%SZ') AS emitted_at,
        score, fires AS emitted,
        CASE WHEN continues THEN 'continues' WHEN fires THEN 'budget' ELSE 'below_threshold' END AS emitted_reason
    FROM kept LEFT JOIN largest USING (id)
    ORDER BY id
) TO '{out}' (FORMAT json);
