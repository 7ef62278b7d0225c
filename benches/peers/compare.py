"""Interleaved rounds of outflow, its peers and inflating alone; see run.sh."""

import argparse
import concurrent.futures
import datetime
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import corpora

HERE = Path(__file__).parent
PEERS = ["duckdb", "polars", "chdb"]
INFLATERS = ["isal", "libdeflate"]
#: What the others are multiples of.
FLOOR = "inflate only: ours"
#: flowlogs_reader is read on so many files only: it is slower by orders of magnitude.
READER_FILES = 20


def measured(command):
    """Runs a command: wall seconds, peak MB, standard output, standard error; seconds are None when it fails."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begin = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        out.seek(0), err.seek(0)
        ok = os.waitstatus_to_exitcode(status) == 0
        return (seconds if ok else None), usage.ru_maxrss / 1024, out.read(), err.read()


def engine(name, folder, *limit):
    seconds, peak, out, err = measured([sys.executable, HERE / "engines.py", name, folder, *limit])
    if seconds is None:
        raise RuntimeError((err.strip().splitlines() or ["no word"])[-1][:120])
    own, groups, total, records = out.split()
    return float(own), peak, (int(groups), int(total), int(records))


def outflow_scan(binary, folder, lake):
    seconds, peak, _, err = measured([binary, "scan", folder, *lake, "--threads", "2", "--no-progress"])
    if seconds is None:
        raise RuntimeError(err[-200:])
    # The others count the lines that say that there was nothing, too.
    counts = re.findall(r"records\s+([\d,]+)|([\d,]+) (?:NODATA|SKIPDATA)", err)
    return seconds, peak, sum(int((one or other).replace(",", "")) for one, other in counts)


def rounds_of(arguments, folder, scratch):
    """Name -> list of (seconds, peak MB), and what each peer answered."""
    times, answers, failures = {}, {}, {}
    is_text = any(folder.rglob("*.gz"))

    def note(name, run):
        if name in failures:
            return
        try:
            seconds, peak, answer = run()
        except (RuntimeError, ValueError) as error:
            failures[name] = str(error)
            return
        times.setdefault(name, []).append((seconds, peak))
        answers[name] = answer

    for number in range(arguments.rounds):
        lake = ["--lake", scratch / str(number)]
        note("outflow scan, with lake", lambda: outflow_scan(arguments.outflow, folder, lake))
        note("outflow scan", lambda: outflow_scan(arguments.outflow, folder, []))

        def ours():
            seconds, peak, out, _ = measured([arguments.stages, "inflate-files", folder, "2"])
            return seconds, peak, int(out)

        if is_text:
            note(FLOOR, ours)
            for name in INFLATERS:
                note(f"inflate only: {name}", lambda: engine(name, folder))
        for name in PEERS:
            note(name, lambda: engine(name, folder))
    return times, answers, failures


def table(name, arguments, folder, scratch):
    times, answers, failures = rounds_of(arguments, folder, scratch)
    files = [path for suffix in ("*.gz", "*.parquet") for path in folder.rglob(suffix)]
    megabytes = sum(f.stat().st_size for f in files) / 1e6
    text_megabytes = answers[FLOOR] / 1e6 if FLOOR in answers else None
    inflated = f", {text_megabytes:.1f} MB of text" if text_megabytes else ""
    peers = {answers[peer] for peer in PEERS if peer in answers}
    records = {answer[2] for answer in peers} | {answers["outflow scan"]}
    same = "the same" if len(peers) == 1 and len(records) == 1 else f"DIFFERENT: {answers}"
    lines = [
        f"### {name}",
        "",
        f"{len(files)} objects, {megabytes:.1f} MB{inflated},"
        f" {max(records):,} records. Totals of all that group, and records of the scan: {same}.",
        "",
        f"| what | median, s | of {'inflating' if text_megabytes else 'the whole scan'} | MB/s of {'text' if text_megabytes else 'file'} | peak, MB |",
        "|---|---|---|---|---|",
    ]
    floor = statistics.median(seconds for seconds, _ in times[FLOOR if text_megabytes else "outflow scan, with lake"])
    for what, runs in sorted(times.items(), key=lambda item: statistics.median(s for s, _ in item[1])):
        median = statistics.median(seconds for seconds, _ in runs)
        peak = max(peak for _, peak in runs)
        lines.append(f"| {what} | {median:.2f} | {median / floor:.2f} | {(text_megabytes or megabytes) / median:.0f} | {peak:.0f} |")
    for what, why in failures.items():
        lines.append(f"| {what} | failed: {why} | | | |")
    best = min((statistics.median(s for s, _ in times[p]), p) for p in PEERS if p in times)
    whole = statistics.median(s for s, _ in times["outflow scan, with lake"])
    word = "faster than" if whole <= best[0] else "SLOWER than"
    ratio = max(best[0] / whole, whole / best[0])
    lines += ["", f"The whole scan is {ratio:.2f} times {word} the bare GROUP BY of {best[1]}.", ""]
    return "\n".join(lines)


def reader(folder):
    """flowlogs_reader, what analysts script with, on a part."""
    try:
        seconds, _, (_, _, records) = engine("flowlogs_reader", folder, str(READER_FILES))
    except (RuntimeError, ValueError) as error:
        return f"flowlogs_reader: failed: {error}"
    return f"flowlogs_reader on {READER_FILES} of the v2 objects: {records:,} records in {seconds:.2f} s, {records / seconds:,.0f} a second."


def machine():
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1]) / 1e6
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    return f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GB; load before the first round {load}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--outflow", type=Path, required=True)
    parser.add_argument("--stages", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    arguments.outflow = arguments.outflow.resolve()
    # In a process of its own: what is started from here later is charged with this one's largest memory.
    with concurrent.futures.ProcessPoolExecutor(1) as apart:
        made = apart.submit(corpora.make, arguments.outflow, arguments.work).result()
    versions = [line.strip() for line in (HERE / "requirements.txt").read_text().splitlines() if "==" in line]
    head = [
        f"# Peers, {datetime.date.today()}",
        "",
        f"`benches/peers/run.sh {arguments.rounds}`: medians of {arguments.rounds} interleaved rounds, two threads each,"
        " warm file cache. outflow: the whole process; the others: their query alone, without starting Python and importing.",
        "",
        f"Machine: {machine()}.",
        f"Versions: {', '.join(versions)}.",
        "",
    ]
    parts = ["\n".join(head)]
    # Lakes go when all is measured: who makes a file on ext4 looks through those deleted in the last minutes.
    with tempfile.TemporaryDirectory(dir=arguments.work) as scratch:
        for number, (name, folder) in enumerate(made.items()):
            parts.append(table(name, arguments, folder, Path(scratch) / str(number)))
            print(parts[-1], flush=True)
    parts.append(reader(made["v2, 2,016 small objects"]) + "\n")
    print(parts[-1])
    records = HERE.parent / "records"
    records.mkdir(exist_ok=True)
    path = records / f"{datetime.date.today()}-peers.md"
    path.write_text("\n".join(parts))
    print(f"wrote {path}")


main()
