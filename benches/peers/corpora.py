"""The corpora: made once by `outflow simulate`, reshaped where the simulator has no such shape."""

import gzip
import random
import subprocess
from pathlib import Path


def simulate(outflow, folder, *options):
    if not folder.exists():
        part = folder.with_suffix(".part")
        subprocess.run([outflow, "simulate", part, "--force", "--seed", "7", *options], check=True, capture_output=True)
        part.rename(folder)
    return folder / "AWSLogs"


def one_large(objects, path):
    """All objects in one gzip stream, under one header."""
    if path.exists():
        return path.parent
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with gzip.open(part, "wb", compresslevel=6) as out:
        for number, source in enumerate(sorted(objects.rglob("*.gz"))):
            text = gzip.decompress(source.read_bytes())
            out.write(text if number == 0 else text.split(b"\n", 1)[1])
    part.rename(path)
    return path.parent


#: Types as AWS writes them; texts for the rest (VPC user guide, "Apache Parquet").
NARROW = {"version", "srcport", "dstport", "protocol", "tcp-flags", "traffic-path"}
WIDE = {"packets", "bytes", "start", "end"}


def as_parquet(objects, folder, in_one=False):
    """The same rows as AWS delivers Parquet: names with underscores, compressed by gzip."""
    import polars as pl

    if folder.exists():
        return folder
    part = folder.with_suffix(".part")
    frames = []
    for source in sorted(objects.rglob("*.gz")):
        text = gzip.decompress(source.read_bytes())
        names = text.split(b"\n", 1)[0].decode().split()
        types = {n: pl.Int32 if n in NARROW else pl.Int64 if n in WIDE else pl.String for n in names}
        frame = pl.read_csv(text, separator=" ", null_values="-", schema=types, quote_char=None)
        frame = frame.rename({name: name.replace("-", "_") for name in names})
        if in_one:
            frames.append(frame)
            continue
        target = part / source.relative_to(objects).with_suffix(".parquet")
        target.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(target, compression="gzip")
    if in_one:
        part.mkdir(parents=True, exist_ok=True)
        pl.concat(frames).write_parquet(part / "flows.parquet", compression="gzip")
    part.rename(folder)
    return folder


def scanner_heavy(objects, folder):
    """Four refused knocks from strangers (198.18.0.0/15) beside each record of version 2."""
    if folder.exists():
        return folder
    part = folder.with_suffix(".part")
    rng = random.Random(7)
    for source in sorted(objects.rglob("*.gz")):
        header, *lines = gzip.decompress(source.read_bytes()).decode().splitlines()
        out = [header]
        for line in lines:
            out.append(line)
            token = line.split(" ")
            if token[13] != "OK":
                continue
            own = next((address for address in token[3:5] if address.startswith("10.")), token[4])
            for _ in range(4):
                stranger = f"198.{rng.choice((18, 19))}.{rng.randrange(256)}.{rng.randrange(256)}"
                out.append(" ".join([*token[:3], stranger, own, str(rng.randrange(1024, 65536)), str(rng.randrange(1, 10000)),
                                     "6", "1", "40", token[10], token[11], "REJECT", "OK"]))
        target = part / source.relative_to(objects)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(("\n".join(out) + "\n").encode(), 6))
    part.rename(folder)
    return folder


def make(outflow, work):
    """Name -> folder of *.gz or *.parquet."""
    small = ["--interval", "60", "--attack-from-day", "1"]
    v2 = simulate(outflow, work / "v2", "--enis", "20", "--days", "7", "--format", "v2", *small)
    v5 = simulate(outflow, work / "v5", "--enis", "20", "--days", "7", "--format", "v5", *small)
    many = ["--enis", "8", "--days", "21", "--density", "0.5", *small]
    many_v2 = simulate(outflow, work / "many-v2", "--format", "v2", *many)
    many_v5 = simulate(outflow, work / "many-v5", "--format", "v5", *many)
    quiet = simulate(outflow, work / "quiet", "--enis", "20", "--days", "7", "--format", "v2", "--density", "0.1",
                     "--attacks", "none", "--no-look-alikes", *small)
    day = simulate(outflow, work / "day", "--enis", "20", "--days", "2", "--format", "v2", *small)
    return {
        "v2, 2,016 small objects": v2,
        "v5, 2,016 small objects": v5,
        "v2, 6,048 smaller objects": many_v2,
        "v5, 6,048 smaller objects": many_v5,
        "v2, one large object": one_large(v2, work / "large-v2" / "flows.log.gz"),
        "v5, one large object": one_large(v5, work / "large-v5" / "flows.log.gz"),
        "v2 quiet, 2,016 tiny objects": quiet,
        "v2 scanner-heavy, 576 objects": scanner_heavy(day, work / "scanners"),
        "Parquet of v2, 2,016 small objects": as_parquet(v2, work / "parquet-v2"),
        "Parquet of v5, 2,016 small objects": as_parquet(v5, work / "parquet-v5"),
        "Parquet of v5, one large object": as_parquet(v5, work / "large-parquet-v5", in_one=True),
    }
