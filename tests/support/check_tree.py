"""Compares an unpacked image with the receipts that a container of it wrote when it started.

check_tree.py ROOT RECEIPTS: every entry of every receipt must stand where the image bundles it, with the same kind, mode, size, digest or
target; and nothing else may stand there.
"""

import hashlib
import json
import os
import pathlib
import stat
import sys

BUNDLE = "usr/lib/medic-os"


def bundled(path, name, version, arch):
    """Where an entry of a package stands in an image; none of the folders that every package shares."""
    for tree, place in [
        (f"srv/software/{name}/v{version}/{arch}", f"{BUNDLE}/{name}/v{version}/{arch}"),
        (f"srv/scripts/{name}", f"{BUNDLE}/{name}/v{version}/scripts"),
        (f"srv/settings/{name}", f"{BUNDLE}/{name}/v{version}/settings"),
    ]:
        if path == tree or path.startswith(tree + "/"):
            return place + path[len(tree):]
    return None


def fault(text):
    sys.exit(f"{text}")


def compare(root, entry, place):
    path = root / place
    try:
        found = path.lstat()
    except FileNotFoundError:
        fault(f"{place}: not in the tree")
    kind = entry["type"]
    if kind == "link":
        if not stat.S_ISLNK(found.st_mode) or os.readlink(path) != entry["target"]:
            fault(f"{place}: not the link to {entry['target']}")
        return
    wanted = stat.S_ISDIR if kind == "directory" else stat.S_ISREG
    if not wanted(found.st_mode) or stat.S_IMODE(found.st_mode) != entry["mode"]:
        fault(f"{place}: not a {kind} of mode {entry['mode']:o}: {found.st_mode:o}")
    if kind == "file":
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if found.st_size != entry["size"] or digest != entry["sha256"]:
            fault(f"{place}: other bytes")


def main(root, receipts):
    entries, packages = 0, set()
    for receipt in sorted(receipts.glob("*.json")):
        package = json.loads(receipt.read_text())["manifest"]
        name, version, arch = package["name"], package["version"], package["arch"]
        home = root / BUNDLE / name / f"v{version}"
        packages.add(name)
        seen = {f"{BUNDLE}/{name}/v{version}/manifest.json"}
        if json.loads((home / "manifest.json").read_text()) != package:
            fault(f"{name}: the image has another manifest than the receipt")
        for entry in package["entries"]:
            place = bundled(entry["path"], name, version, arch)
            if place is not None:
                compare(root, entry, place)
                seen.add(place)
                entries += 1
        for path in home.rglob("*"):
            place = str(path.relative_to(root))
            if place not in seen and not (path.is_dir() and any(one.startswith(place + "/") for one in seen)):
                fault(f"{place}: in the tree, and not in the receipt of '{name}'")
    others = {path.name for path in (root / BUNDLE).iterdir()} - packages
    if entries == 0 or others:
        fault(f"{entries} entries; packages without a receipt: {sorted(others)}")
    print(f"{entries} entries of {len(packages)} packages")


main(*map(pathlib.Path, sys.argv[1:3]))
