-- Interface-days that could not be fully seen: five-minute objects missing, records that AWS lost (SKIPDATA), records
-- that came too late to count, or hours without any record between the interface's first and last.
WITH lives AS (
    SELECT account, region, eni, CAST(min("date") AS date) AS first_day,
        CAST(max("date") AS date) AS last_day
    FROM coverage
    GROUP BY account, region, eni
),
days AS (
    SELECT account, region, eni, CAST("date" AS date) AS "day",
        count(*) AS hours,
        sum(missing_slots) AS missing_objects,
        sum(skip_data_records) AS skip_data_records,
        sum(late_records) AS late_records,
        round(avg(seen_share), 4) AS seen_share
    FROM coverage
    GROUP BY account, region, eni, CAST("date" AS date)
)
SELECT days.account, days.region, days.eni, days."day", days.hours,
    CASE
        WHEN days."day" > lives.first_day AND days."day" < lives.last_day
        THEN 24 - days.hours
        ELSE 0
    END AS silent_hours,
    days.missing_objects, days.skip_data_records, days.late_records, days.seen_share
FROM days
JOIN lives ON lives.account = days.account AND lives.region = days.region AND lives.eni = days.eni
WHERE days.missing_objects > 0 OR days.skip_data_records > 0 OR days.late_records > 0
    OR (days.hours < 24 AND days."day" > lives.first_day AND days."day" < lives.last_day)
ORDER BY days.seen_share, days.hours, days.eni, days."day"
LIMIT 200
