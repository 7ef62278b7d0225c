"""The named baselines over a lake: each writes its incidents, ranked, for `outflow eval --incidents` to judge."""

from pathlib import Path

import duckdb
import rita

HERE = Path(__file__).parent
#: What a baseline may look at: all that instances send outside, as its authors had it, or what they sent as clients,
#: which needs our roles.
SCOPES = {"all egress": "true", "client egress": "role <> 'served'"}
#: Name in the tables -> the query that fills `hits` (see incidents.sql).
BASELINES = {
    "B1 500 MB in a record (Turbot)": "b01_record_500mb",
    "B2 500 MB an hour (Slips)": "b02_upload_500mb",
    "B3 1 GB a session (foxsec)": "b03_session_1gb",
    "B6 mean + 3 sigma": "b06_three_sigma",
    "B7 z > 10, 7 d (Panther)": "b07_z10",
    "B8 account week (Panther 2031)": "b08_account_week",
    "B10 RITA v5 score": "b10_rita",
    "B10 RITA v5 score, gated": "b10_rita_gated",
    "B11 seasonal + Tukey (Sentinel)": "b11_seasonal",
    "B12 never before (like GuardDuty)": "b12_never_before",
    "B17 population (like Elastic DED)": "b17_population",
}
#: Those whose own threshold is not public or cannot be carried over.
NO_OWN_THRESHOLD = {"B12 never before (like GuardDuty)", "B17 population (like Elastic DED)"}


def ranked(lake, learn_days, scope, folder):
    """Yields the name of each baseline when its list is in `folder`/incidents.jsonl; days before `learn_days` are learned
    from only."""
    con = duckdb.connect()
    con.execute("SET threads = 2")
    con.execute("SET TimeZone = 'UTC'")
    text = (HERE / "lake.sql").read_text()
    con.execute(text.format(lake=lake, roles=SCOPES[scope], learn_days=learn_days))
    out = Path(folder) / "incidents.jsonl"
    collect = (HERE / "incidents.sql").read_text().format(out=out)
    # RITA looks at what an inside host opened, and at nothing else.
    is_client = scope == "client egress"
    if is_client:
        rita.hits(con)
    for name, query in BASELINES.items():
        if name.startswith("B10") and not is_client:
            continue
        con.execute((HERE / f"{query}.sql").read_text())
        con.execute(collect)
        yield name, out
    con.close()
