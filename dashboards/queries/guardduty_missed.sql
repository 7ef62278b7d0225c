-- Incidents that outflow told and no GuardDuty finding given to the scan is about, the most harmful first. Where
-- `guardduty` is not_given the scan had no findings to compare with; not_applicable is IPv6.
SELECT id, severity, account, region, eni, peer, destination, port, egress_bytes, score, guardduty, emitted_at,
    sentence
FROM alerts
WHERE emitted AND guardduty IN ('silent', 'not_applicable', 'not_given')
ORDER BY
    CASE severity WHEN 'CRITICAL' THEN 0 WHEN 'HIGH' THEN 1 WHEN 'MEDIUM' THEN 2 ELSE 3 END,
    egress_bytes DESC, id
