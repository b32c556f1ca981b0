"""1 GiB from nginx on loopback to disk and back, beside curl, rclone and azcopy: time, CPU, memory."""

import hashlib
import base64
import json
import os
import random
import shutil
import statistics
from pathlib import Path

import drain
import measure
from servers.nginx import Nginx

SIZE = 1 << 30
RUNS = 5
LOCATIONS = """
location /plain/ {{ alias {files}/; add_header x-ms-blob-type BlockBlob; }}
location /digest/ {{ alias {files}/; add_header Content-MD5 {md5}; }}
"""


def make_content(path):
    """Random bytes; returns their MD5 as HTTP writes it."""
    md5 = hashlib.md5()
    with open(path, "wb") as file:
        for _ in range(SIZE >> 20):
            piece = os.urandom(1 << 20)
            md5.update(piece)
            file.write(piece)
    return base64.b64encode(md5.digest()).decode()


def make_home(directory, locker):
    """A node whose locker is at that address; its environment."""
    home = directory / f"home-{locker.rsplit('/', 1)[1]}"
    for name in ("config", "logs", "run"):
        (home / name).mkdir(parents=True)
    (home / "config/node.json").write_text("{}")
    (home / "config/locker.json").write_text(json.dumps({"url": locker}))
    return measure.jetpack_environment(home)


def cases_of(directory, url):
    """Downloads and uploads: the names of the table, and what each runs."""
    jetpack = str(measure.BUILT_HOME / "bin/jetpack")
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C.UTF-8"}
    source, target = str(directory / "files/blobs/p/g.bin"), str(directory / "got")
    blob = f"{url}/plain/blobs/p/g.bin"
    download = [jetpack, "download", "--project", "p", "g.bin", target]
    probe = [jetpack, "--plugin-path", str(drain.build_plugin(
        directory, "tests/bench/upload.cpp", "upload")), "upload", source]
    downloads = [
        measure.Case("curl", [shutil.which("curl"), "-sfo", target, blob], environment),
        measure.Case("jetpack download", download, make_home(directory, f"{url}/plain")),
        measure.Case("jetpack download, MD5", download, make_home(directory, f"{url}/digest")),
    ]
    for name, words in (
            ("rclone", ["--config", "", "copyto", f":http,url='{url}/plain/blobs/p/':g.bin", target]),
            ("azcopy", ["copy", f"{blob}?sig=none", target, "--from-to", "BlobLocal",
                        "--skip-version-check", "--output-level", "quiet"])):
        if shutil.which(name):
            downloads.append(measure.Case(name, [shutil.which(name), *words], environment))
    uploads = [
        measure.Case("curl -T", [shutil.which("curl"), "-sfT", source, f"{url}/sink/x"], environment),
        measure.Case("jetpack upload", probe, make_home(directory, f"{url}/sink")),
    ]
    return downloads, uploads


def measured(cases, target):
    """{name: (seconds, KiB, CPU seconds)}: the medians, the least memory."""
    samples = {case.name: [] for case in cases}
    for _ in range(RUNS):
        for case in random.sample(cases, len(cases)):
            target.unlink(missing_ok=True)
            samples[case.name].append(measure.run_fully(case))
    target.unlink(missing_ok=True)
    print(f"{'':24}{'s':>8}{'MiB/s':>8}{'CPU s':>8}{'peak MB':>9}")
    results = {}
    for name, taken in samples.items():
        seconds, _, cpu = map(statistics.median, zip(*taken))
        results[name] = (seconds, min(kib for _, kib, _ in taken), cpu)
        print(f"{name:24}{seconds:8.2f}{(SIZE >> 20) / seconds:8.0f}{cpu:8.2f}"
              f"{results[name][1] / 1024:9.1f}")
    return results


def run(directory):
    measure.require("curl", "nginx", "g++")
    directory = Path(directory)
    content = directory / "files/blobs/p/g.bin"
    content.parent.mkdir(parents=True)
    md5 = make_content(content)
    server = Nginx(LOCATIONS.format(files=directory / "files", md5=md5))
    try:
        downloads, uploads = cases_of(directory, server.url)
        down = measured(downloads, directory / "got")
        up = measured(uploads, directory / "got")
    finally:
        server.remove()
    curl, ours, checked = down["curl"], down["jetpack download"], down["jetpack download, MD5"]
    fastest = min(down[name][0] for name in ("curl", "rclone", "azcopy") if name in down)
    stored = up["jetpack upload"]
    return all([
        measure.budget("jetpack download / the fastest other, time", ours[0] / fastest, 1),
        measure.budget("jetpack download with MD5 / curl, CPU", checked[2] / curl[2], 1.5),
        measure.budget("jetpack download, peak", max(ours[1], checked[1]) / 1024, 40, " MB"),
        measure.budget("jetpack upload with MD5s, CPU for 1 GiB", stored[2], 1.5, " s"),
        measure.budget("jetpack upload, peak", stored[1] / 1024, 40, " MB"),
    ])
