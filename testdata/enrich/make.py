"""Writes asn.mmdb and country.mmdb: documentation addresses only (pip install mmdb-writer==0.2.7)."""

import sys

from mmdb_writer import MMDBWriter
from netaddr import IPSet

NETWORKS = [
    ("203.0.113.0/24", 64500, "Example Hosting", "NL"),
    ("198.51.100.0/24", 64501, "Example Cloud", "US"),
    ("2001:db8:7::/48", 64502, "Example Six", "DE"),
]

asn = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="outflow-test-ASN", int_type="u32")
country = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="outflow-test-Country")
for network, number, name, code in NETWORKS:
    asn.insert_network(
        IPSet([network]), {"autonomous_system_number": number, "autonomous_system_organization": name}
    )
    country.insert_network(IPSet([network]), {"country": {"iso_code": code}})
asn.to_db_file(sys.argv[1] + "/asn.mmdb")
country.to_db_file(sys.argv[1] + "/country.mmdb")
