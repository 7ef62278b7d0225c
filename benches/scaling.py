#!/usr/bin/env python3
"""How a scan grows: CPU time and peak memory over records, ENIs, peers of an ENI-hour, days of history and threads.

    python3 benches/scaling.py --outflow target/release/outflow [--work DIR] [--quick] [AXIS...]

Corpora are regular version 2 records, made here, so that one number changes at a time; each is removed after its
run. Time is user + system of the whole process with a lake written, least of `--rounds` runs, because other work on
the machine adds to it and never takes away. Prints tables and, of a run over all axes, writes
benches/records/DATE-scaling.md. Standard library only.
"""

import argparse
import datetime
import gzip
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEADER = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n"
START = datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC)
ACCOUNT = "123456789012"


def address(number):
    """An outside address: 198.18.0.0/15 (RFC 2544) first, then 240.0.0.0/4 (RFC 1112)."""
    base = (198 << 24 | 18 << 16) if number < 1 << 17 else 240 << 24
    value = base + number
    return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"


def lines(enis, peers, hour):
    """One record of each ENI to each of its peers, within the first five minutes of an hour."""
    begin = int(START.timestamp()) + hour * 3600
    for eni in range(enis):
        own = f"10.{eni >> 16 & 255}.{eni >> 8 & 255}.{eni & 255}"
        head = f"2 {ACCOUNT} eni-{eni:017x} {own} "
        for peer in range(peers):
            sent = 1000 + (eni * 7919 + peer * 104_729 + hour * 1_299_709) % 90_000
            port = 1024 + (peer * 31 + hour) % 60_000
            at = begin + peer % 4 * 60
            yield f"{head}{address(peer)} {port} 443 6 {sent // 1000 + 4} {sent} {at} {at + 59} ACCEPT OK\n"


def corpus(folder, enis, peers, hours, copies=1):
    """Objects of an hour each; `copies` repeats a body as further gzip members."""
    for hour in range(hours):
        at = START + datetime.timedelta(hours=hour)
        day = folder / f"AWSLogs/{ACCOUNT}/vpcflowlogs/eu-west-1/{at:%Y/%m/%d}"
        day.mkdir(parents=True, exist_ok=True)
        body = gzip.compress("".join(lines(enis, peers, hour)).encode(), 1)
        name = f"{ACCOUNT}_vpcflowlogs_eu-west-1_fl-0123456789abcdef0_{at:%Y%m%dT%H%MZ}_{hour:08x}.log.gz"
        with open(day / name, "wb") as out:
            out.write(gzip.compress(HEADER.encode(), 1))
            for _ in range(copies):
                out.write(body)


def scan(outflow, folder, threads):
    """CPU seconds, wall seconds, peak MB."""
    lake = folder / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    command = [outflow, "scan", folder / "AWSLogs", "--lake", lake, "--threads", threads, "--no-progress", "--out", "/dev/null",
               "--force", "--format", "jsonl"]
    with tempfile.TemporaryFile("w+") as err:
        begin = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        if os.waitstatus_to_exitcode(status) not in (0, 3):
            err.seek(0)
            sys.exit(f"scan failed: {err.read()[-500:]}")
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


#: Axis -> (what grows, points of (shown, enis, peers, hours, copies)).
AXES = {
    "records": ("records, 100 ENIs x 100 peers x 24 hours", [
        (count, 100, 100, 24, max(1, round(count / 240_000))) for count in (1_000_000, 10_000_000, 100_000_000)]),
    "enis": ("ENIs, 2 peers x 24 hours", [(count, count, 2, 24, 1) for count in (10, 100, 1_000, 10_000, 100_000)]),
    "peers": ("peers of one ENI-hour, 3 hours", [
        (count, 1, count, 3, 1) for count in (10, 100, 1_000, 10_000, 16_384, 16_385, 100_000, 1_000_000)]),
    "days": ("days, 100 ENIs x 20 peers", [(count, 100, 20, count * 24, 1) for count in (1, 7, 14, 28, 42)]),
    "threads": ("threads, 10,000,000 records as above", [(1, 100, 100, 24, 42), (2, 100, 100, 24, 42)]),
}
QUICK_RECORDS_MAX = 2_000_000


def table(axis, arguments):
    what, points = AXES[axis]
    yield f"## {what}"
    yield ""
    yield "| n | records | CPU, s | CPU, us a record | CPU, ms an n | wall, s | peak, MB | peak, KB an n |"
    yield "|---|---|---|---|---|---|---|---|"
    for shown, enis, peers, hours, copies in points:
        if arguments.quick and enis * peers * hours * copies > QUICK_RECORDS_MAX:
            continue
        with tempfile.TemporaryDirectory(dir=arguments.work) as name:
            folder = Path(name)
            records = enis * peers * hours * copies
            # In a process of its own: what is forked from a large one counts its memory as the scan's.
            maker = multiprocessing.Process(target=corpus, args=(folder, enis, peers, hours, copies))
            maker.start()
            maker.join()
            if maker.exitcode != 0:
                sys.exit("the corpus could not be written")
            threads = shown if axis == "threads" else 2
            runs = [scan(arguments.outflow, folder, threads) for _ in range(arguments.rounds)]
        cpu, wall, peak = (min(run[part] for run in runs) for part in range(3))
        yield (f"| {shown:,} | {records:,} | {cpu:.2f} | {cpu / records * 1e6:.2f} | {cpu / shown * 1e3:.3g} | {wall:.2f} |"
               f" {peak:.0f} | {peak / shown * 1024:.3g} |")
    yield ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outflow", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("target/scaling"))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="only points of at most 2,000,000 records")
    parser.add_argument("axes", nargs="*", choices=[[], *AXES])
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    arguments.outflow = arguments.outflow.resolve()
    text = [f"# Scaling, {datetime.date.today()}", "", f"`benches/scaling.py`, least of {arguments.rounds} runs, two threads, with a lake;"
            f" {os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}.", ""]
    print("\n".join(text))
    for axis in arguments.axes or AXES:
        for line in table(axis, arguments):
            print(line, flush=True)
            text.append(line)
    if not arguments.quick and not arguments.axes:
        path = Path(__file__).parent / "records" / f"{datetime.date.today()}-scaling.md"
        path.write_text("\n".join(text))
        print(f"wrote {path}")


main()
