#!/usr/bin/env python3
"""Recall and false alarms of a scan against the labels of a simulated fleet.

    outflow simulate DIR --seed 1 --days 42 --attack-from-day 28 --format v5
    outflow scan DIR/AWSLogs --all --format jsonl --out alerts.jsonl --no-progress
    python3 benches/acceptance.py DIR/labels.csv alerts.jsonl --enis 100 --from-day 28 --days 42

An attack is found when an alert of one of its ENIs overlaps its time and names one of its peers
(an alert on many destinations names all it lists). A look-alike is hit in the same way. Every
other alert from `--from-day` on is false. At a budget of B incidents a day per 1,000 ENIs, the
threshold is the score at which false incidents reach B: what an operator would have set in
hindsight. `emitted` is what outflow itself sent, with its threshold learned from the past.
Standard library only.
"""
import argparse
import collections
import csv
import datetime as dt
import ipaddress
import json


def second(text):
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def networks(text):
    return [ipaddress.ip_network(part, strict=False) for part in text.split() if part]


def overlaps(a, b):
    return a.version == b.version and a.overlaps(b)


def load_labels(path):
    """Label rows grouped into attacks and look-alikes by id."""
    groups = {}
    with open(path, newline="") as f:
        for row in csv.DictReader(f):
            key = (row["kind"], row["id"])
            g = groups.setdefault(key, dict(row, rows=[]))
            g["rows"].append((row["eni"], networks(row["peers"]), second(row["start"]), second(row["end"])))
    return groups


def matches(group, alert):
    nets = [ipaddress.ip_network(alert["peer"], strict=False)] if alert["peer"] else []
    nets += [ipaddress.ip_network(d["peer"], strict=False) for d in alert["destinations"]]
    first, last = second(alert["first_seen"]), second(alert["last_seen"])
    for eni, peers, start, end in group["rows"]:
        if eni != alert["eni"] or last < start - 60 or first > end + 600:
            continue
        if not peers or any(overlaps(n, p) for n in nets for p in peers):
            return True
    return False


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("labels")
    cli.add_argument("alerts")
    cli.add_argument("--enis", type=int, default=100)
    cli.add_argument("--from-day", type=int, default=28)
    cli.add_argument("--days", type=int, default=42)
    cli.add_argument("--start", default="2026-01-05")
    cli.add_argument("--show-false", type=int, default=0)
    cli.add_argument("--show-missed", action="store_true")
    args = cli.parse_args()
    groups = load_labels(args.labels)
    attacks = {k: g for k, g in groups.items() if k[0] == "attack" and g["visible"] != "false"}
    copies = {k: g for k, g in groups.items() if k[0] == "relay_copy"}
    alike = {k: g for k, g in groups.items() if k[0] == "look_alike"}
    begin = second(args.start + "T00:00:00Z") + args.from_day * 86400
    best = collections.defaultdict(lambda: (-1.0, None))
    sent = collections.defaultdict(list)
    alike_high, false_scores, false_sent, false_alerts = set(), [], [], []
    by_eni = collections.defaultdict(list)
    for kind, pool in (("attack", attacks), ("copy", copies), ("alike", alike)):
        for key, g in pool.items():
            for eni in {r[0] for r in g["rows"]}:
                by_eni[eni].append((kind, key, g))
    high_alike = collections.Counter()
    for line in open(args.alerts):
        a = json.loads(line)
        if second(a["window_start"]) < begin:
            continue
        hit = {kind: [k for kk, k, g in by_eni[a["eni"]] if kk == kind and matches(g, a)] for kind in ("attack", "copy", "alike")}
        for key in hit["attack"]:
            if a["score"] > best[key][0]:
                best[key] = (a["score"], a)
            if a["emitted"]:
                sent[key].append(a)
        if hit["attack"] or hit["copy"]:
            continue
        if hit["alike"] and a["emitted"] and a["severity"] in ("HIGH", "CRITICAL"):
            alike_high.update(hit["alike"])
        if a["emitted_reason"] == "continues":
            continue
        false_scores.append(a["score"])
        false_alerts.append(a)
        if a["emitted"]:
            false_sent.append(a)
    false_scores.sort(reverse=True)
    days = args.days - args.from_day
    families = sorted({g["family"] for g in attacks.values()})
    print(f"attacks {len(attacks)}, look-alikes {len(alike)}, ENI-days {args.enis * days}")
    cuts = {}
    for budget in (1, 5, 20):
        allowed = int(budget * args.enis / 1000 * days)
        cuts[budget] = false_scores[allowed] if allowed < len(false_scores) else 0.0
    head = "family".ljust(12) + "   n " + " ".join(f"recall@{b:<3}" for b in cuts) + "  emitted  hours to detect (median)"
    print(head)
    total = collections.Counter()
    for family in families + ["all"]:
        keys = [k for k, g in attacks.items() if family in ("all", g["family"])]
        cells = []
        for cut in cuts.values():
            cells.append(sum(best[k][0] > cut for k in keys) / len(keys))
        told = [k for k in keys if sent[k]]
        delays = sorted(
            (second(min(x["emitted_at"] for x in sent[k])) - min(r[2] for r in attacks[k]["rows"])) / 3600 for k in told
        )
        middle = f"{delays[len(delays) // 2]:.1f}" if delays else "-"
        print(family.ljust(12) + f"{len(keys):4} " + " ".join(f"{c:10.2f}" for c in cells) + f"  {len(told) / len(keys):7.2f}  {middle}")
        if args.show_missed and family != "all":
            for k in keys:
                if not sent[k]:
                    g = attacks[k]
                    print(f"    missed {g['variant']} {g['eni']} {g['egress_bytes']} B best {best[k][0]:.1f}")
    print("thresholds by budget:", {b: round(c, 1) for b, c in cuts.items()})
    print(f"false incidents sent: {len(false_sent)} = {len(false_sent) / days / args.enis * 1000:.1f} a day per 1,000 ENIs, "
          f"{len(false_sent) / days / args.enis:.4f} per ENI-day; kept in all: {len(false_scores)}")
    if alike:
        print(f"look-alikes that raised HIGH or more: {len(alike_high)} of {len(alike)} = {len(alike_high) / len(alike):.2f}")
    for a in sorted(false_alerts, key=lambda a: -a["score"])[: args.show_false]:
        tag = [g["variant"] for kk, k, g in by_eni[a["eni"]] if kk == "alike" and matches(g, a)]
        bits = " ".join(f"{d['id']}:{d['bits']:.1f}" for d in a["detectors"])
        print(f"  {a['score']:5.1f} {a['severity'][:4]} {a['emitted_reason']:9.9} {a['window_start'][:13]} {a['eni'][-6:]} {a['baseline']['group'][:18]:18} "
              f"{a['destination'][:20]:20} {a['app_bytes'] / 1e6:9.1f} MB [{bits}] {a['baseline']['tier'][:2]} {tag}")


if __name__ == "__main__":
    main()
