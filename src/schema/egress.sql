SELECT "hour", eni, class, vpc, subnet, instance, eni_group, role, peer, protocol, port, service,
    CASE
        WHEN service IS NOT NULL AND service NOT IN ('AMAZON', 'EC2') THEN concat('aws:', service)
        WHEN peer_prefix_bits < 24 OR (peer LIKE '%:%' AND peer_prefix_bits < 48) THEN peer
        WHEN peer NOT LIKE '%:%' THEN concat(regexp_extract(peer, '^([0-9]+[.][0-9]+[.][0-9]+)', 1), '.0/24')
        ELSE concat(coalesce(
            nullif(regexp_extract(peer, '^([0-9a-f]+:[0-9a-f]+:[0-9a-f]+)', 1), ''),
            nullif(regexp_extract(peer, '^([0-9a-f]+:[0-9a-f]+)', 1), ''),
            peer), '::/48')
    END AS destination,
    egress_bytes, egress_app_bytes, ingress_bytes, first_seen, last_seen,
    account, region, CAST("date" AS date) AS "day"
FROM hourly
WHERE class = 'instance'
    AND role <> 'served'
    AND coalesce(action, 'ACCEPT') = 'ACCEPT'
    AND (egress_packets >= 4 OR egress_app_bytes >= 1024)
    AND (peer_prefix_bits = 0 OR coalesce(regexp_extract(peer, '^(0|10|127)[.]|^192[.]168[.]|^169[.]254[.]|^172[.](1[6-9]|2[0-9]|3[01])[.]|^100[.](6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])[.]|^(22[4-9]|23[0-9])[.]|^255[.]255[.]255[.]255|^f[cdf][0-9a-f]{2}:|^fe[89a-f][0-9a-f]:|^::1$', 0), '') = '')
