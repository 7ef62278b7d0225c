"""One engine on one corpus, in a process of its own: prints seconds, groups, bytes and records.

The question is the bare `GROUP BY interface, destination, port`: sums of bytes and numbers of records. Types are
told to each engine, so that none spends time on guessing them; importing it is not counted.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

INTEGERS = {"srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "tcp-flags"}


def header(files):
    import gzip

    with gzip.open(files[0], "rt") as text:
        return text.readline().split()


def is_parquet(files):
    return files[0].endswith(".parquet")


def duckdb(files):
    import duckdb

    con = duckdb.connect()
    con.execute("SET threads = 2")
    if is_parquet(files):
        query = f"""SELECT count(*), sum(b), sum(n) FROM (SELECT sum(bytes) AS b, count(*) AS n
            FROM read_parquet({files!r}) GROUP BY interface_id, dstaddr, dstport)"""
        return lambda: con.execute(query).fetchone()
    types = {name: "BIGINT" if name in INTEGERS else "VARCHAR" for name in header(files)}
    query = f"""SELECT count(*), sum(b), sum(n) FROM (
        SELECT sum(bytes) AS b, count(*) AS n
        FROM read_csv({files!r}, delim=' ', header=true, nullstr='-', quote='', auto_detect=false, columns={types!r})
        GROUP BY "interface-id", dstaddr, dstport)"""
    return lambda: con.execute(query).fetchone()


def polars(files):
    import polars as pl

    if is_parquet(files):
        frame, interface = pl.scan_parquet(files), "interface_id"
    else:
        types = {name: pl.Int64 if name in INTEGERS else pl.String for name in header(files)}
        frame, interface = pl.scan_csv(files, separator=" ", null_values="-", schema=types, quote_char=None), "interface-id"
    groups = frame.group_by(interface, "dstaddr", "dstport").agg(pl.col("bytes").sum().alias("b"), pl.len().alias("n"))
    query = groups.select(pl.len().alias("groups"), pl.col("b").sum(), pl.col("n").sum())
    return lambda: query.collect().row(0)


def chdb(files):
    import chdb

    # ClickHouse's globs do not recurse: one star for each level.
    glob = "/".join([str(ROOT), *"*" * (len(Path(files[0]).relative_to(ROOT).parts) - 1), "*" + Path(files[0]).suffix])
    if is_parquet(files):
        query = f"""SELECT count(), sum(b), sum(n) FROM (SELECT sum(bytes) AS b, count() AS n
            FROM file('{glob}', 'Parquet') GROUP BY interface_id, dstaddr, dstport) SETTINGS max_threads=2"""
        return lambda: [int(value) for value in str(chdb.query(query, "TSV")).split()]
    columns = ", ".join(
        f"`{name}` Nullable({'Int64' if name in INTEGERS else 'String'})" for name in header(files)
    )
    query = f"""SELECT count(), sum(b), sum(n) FROM (
        SELECT sum(bytes) AS b, count() AS n FROM file('{glob}', 'CustomSeparatedWithNames', '{columns}', 'gzip')
        GROUP BY `interface-id`, dstaddr, dstport)
        SETTINGS format_custom_escaping_rule='CSV', format_custom_field_delimiter=' ', format_csv_null_representation='-',
                 max_threads=2"""
    return lambda: [int(value) for value in str(chdb.query(query, "TSV")).split()]


def flowlogs_reader(files):
    import gzip

    from flowlogs_reader import FlowRecord

    def run():
        sums = {}
        fields = tuple(name.replace("-", "_") for name in header(files))
        for file in files:
            with gzip.open(file, "rt") as text:
                next(text)
                for line in text:
                    record = FlowRecord(dict(zip(fields, line.split(), strict=True)))
                    key = (record.interface_id, record.dstaddr, record.dstport)
                    total = sums.setdefault(key, [0, 0])
                    total[0] += record.bytes or 0
                    total[1] += 1
        return len(sums), sum(t[0] for t in sums.values()), sum(t[1] for t in sums.values())

    return run


def isal(files):
    from isal import isal_zlib

    return inflating(files, lambda data: len(isal_zlib.decompress(data, wbits=31)))


def libdeflate(files):
    import deflate

    # The last four bytes of a gzip member are its length.
    return inflating(files, lambda data: len(deflate.gzip_decompress(data)))


def inflating(files, one):
    def run():
        with ThreadPoolExecutor(2) as pool:
            return 0, sum(pool.map(lambda file: one(Path(file).read_bytes()), files)), 0

    return run


ROOT = Path(sys.argv[2]).resolve()
found = sorted(str(path) for suffix in ("*.gz", "*.parquet") for path in ROOT.rglob(suffix))
if len(sys.argv) > 3:
    found = found[: int(sys.argv[3])]
work = globals()[sys.argv[1]](found)
begin = time.perf_counter()
groups, total, records = work()
print(time.perf_counter() - begin, groups, int(total), int(records))
