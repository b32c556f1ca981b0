"""Downloads from nginx on loopback beside curl, rclone and azcopy: one blob of 1 GiB, 1,000 of 1 MiB and 20,000
of 4 KiB, to tmpfs, ext4 and an overlay, with and without older files there; and 1 GiB back. Time, CPU, memory."""

import base64
import contextlib
import functools
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
from pathlib import Path

import drain
import measure
from servers.nginx import Nginx

SIZE = 1 << 30
RUNS = 3
# {data set: (blobs, bytes of each)}
MANY = {"1,000 of 1 MiB": (1000, 1 << 20), "20,000 of 4 KiB": (20_000, 4 << 10)}
LOCATIONS = """
location /plain/ {{ alias {files}/; autoindex on; add_header x-ms-blob-type BlockBlob; }}
location /digest/ {{ alias {files}/; add_header Content-MD5 {md5}; }}
location = /plain {{ if ($args ~ "comp=list.*(many[0-9]+)") {{ set $of $1; rewrite ^ /plain/blobs/p/$of/.list? last; }} }}
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


def make_many(files, name):
    """The blobs of a data set below files/blobs/p/DIRECTORY, and their listing; returns the directory's name."""
    count, size = MANY[name]
    directory = f"many{size}"
    (files / "blobs/p" / directory).mkdir()
    entries = []
    for number in range(count):
        content = os.urandom(size)
        path = f"blobs/p/{directory}/{number:05}.bin"
        (files / path).write_bytes(content)
        # nginx's ETag has the time and the size: what the locker says must be the same.
        etag = f"{int((files / path).stat().st_mtime):x}-{size:x}"
        md5 = base64.b64encode(hashlib.md5(content).digest()).decode()
        entries.append(f"<Blob><Name>{path}</Name><Properties><Etag>{etag}</Etag><Content-Length>{size}</Content-Length>"
                       f"<Content-MD5>{md5}</Content-MD5><BlobType>BlockBlob</BlobType></Properties></Blob>")
    (files / f"blobs/p/{directory}/.list").write_text(
        f'<?xml version="1.0"?><EnumerationResults><Blobs>{"".join(entries)}</Blobs></EnumerationResults>')
    return directory


@contextlib.contextmanager
def targets(directory):
    """{what it is: a directory there}; mounts for as long as it lasts. ext4 and an overlay need root."""
    found, mounted = {}, []

    def mount(name, *words):
        place = directory / name
        place.mkdir()
        if subprocess.run(["mount", *map(str, words), place], capture_output=True, check=False).returncode == 0:
            mounted.append(place)
            found[name] = place

    mount("tmpfs", "-t", "tmpfs", "-o", "size=3G", "tmpfs")
    image = directory / "ext4.img"
    with open(image, "wb") as file:
        file.truncate(4 << 30)
    if shutil.which("mkfs.ext4"):
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        mount("ext4", "-o", "loop", image)
    below = [directory / name for name in ("lower", "upper", "work")]
    for place in below:
        place.mkdir()
    lower, upper, work = below
    mount("overlay", "-t", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", "overlay")
    if not found:
        (directory / "target").mkdir()
        found["the disk"] = directory / "target"
    try:
        yield found
    finally:
        for place in mounted:
            subprocess.run(["umount", place], check=True)


def make_home(directory, locker):
    """A node whose locker is at that address; its environment."""
    home = directory / f"home-{locker.rsplit('/', 1)[1]}"
    for name in ("config", "logs", "run"):
        (home / name).mkdir(parents=True)
    (home / "config/node.json").write_text("{}")
    (home / "config/locker.json").write_text(json.dumps({"url": locker}))
    return measure.jetpack_environment(home)


def tool_cases(environment, url, blob, target):
    """rclone and azcopy, where they are installed, for one blob."""
    for name, words in (
            ("rclone", ["--config", "", "--ignore-times", "copyto", f":http,url='{url}/plain/blobs/p/':{blob}", target]),
            ("azcopy", ["copy", f"{url}/plain/blobs/p/{blob}?sig=none", target, "--from-to", "BlobLocal",
                        "--skip-version-check", "--output-level", "quiet"])):
        if shutil.which(name):
            yield measure.Case(name, [shutil.which(name), *words], environment)


def environment_of(directory):
    return {"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C.UTF-8"}


def single_cases(directory, url, homes, place):
    """One blob of 1 GiB to place/got."""
    target, environment = str(place / "got/g.bin"), environment_of(directory)
    download = [str(measure.BUILT_HOME / "bin/jetpack"), "download", "--project", "p", "g.bin", target]
    return [
        measure.Case("jetpack", download, homes["plain"]),
        measure.Case("jetpack, MD5", download, homes["digest"]),
        measure.Case("curl", [shutil.which("curl"), "-sfo", target, f"{url}/plain/blobs/p/g.bin"], environment),
        *tool_cases(environment, url, "g.bin", target)]


def many_cases(directory, url, homes, place, blobs):
    """All blobs of a directory to place/got/. jetpack checks their MD5s, the others only the lengths."""
    target, environment = place / "got", environment_of(directory)
    names = sorted(path.name for path in (directory / "files/blobs/p" / blobs).glob("*.bin"))
    wanted = directory / f"{blobs}.curl"
    wanted.write_text("".join(f'url = "{url}/plain/blobs/p/{blobs}/{name}"\noutput = "{target}/{blobs}/{name}"\n'
                              for name in names))
    curl = [shutil.which("curl"), "-sf", "--create-dirs", "-K", str(wanted)]
    cases = [
        measure.Case("jetpack", [str(measure.BUILT_HOME / "bin/jetpack"), "download", "--fresh", "--recursive",
                                 "--project", "p", blobs, str(target) + "/"], homes["plain"]),
        measure.Case("curl", curl, environment)]
    if shutil.which("rclone"):
        cases.append(measure.Case("rclone", [
            shutil.which("rclone"), "--config", "", "--ignore-times", "--http-no-head", "--transfers", "8", "copy",
            f":http,url='{url}/plain/blobs/p/{blobs}/':", str(target / blobs)], environment))
    return cases


def upload_cases(directory, url, homes):
    source = str(directory / "files/blobs/p/g.bin")
    probe = [str(measure.BUILT_HOME / "bin/jetpack"), "--plugin-path", str(drain.build_plugin(
        directory, "tests/bench/upload.cpp", "upload")), "upload", source]
    return [measure.Case("curl -T", [shutil.which("curl"), "-sfT", source, f"{url}/sink/x"], environment_of(directory)),
            measure.Case("jetpack upload", probe, homes["sink"])]


def settle(place, is_cold):
    """Cold: nothing is there, and nothing of it waits to be written. Warm: what the run before left."""
    if is_cold:
        shutil.rmtree(place / "got", ignore_errors=True)
        os.sync()
    (place / "got").mkdir(exist_ok=True)


def measured(cases, prepare=lambda: None, runs=RUNS):
    """{name: [(seconds, KiB, CPU seconds), ...]}, the order shuffled in each round."""
    samples = {case.name: [] for case in cases}
    for _ in range(runs):
        for case in random.sample(cases, len(cases)):
            prepare()
            samples[case.name].append(measure.run_fully(case))
    return samples


def print_samples(title, samples):
    print(f"{title:34}{'min s':>8}{'median':>8}{'max':>8}{'CPU s':>8}{'peak MB':>9}")
    for name, taken in samples.items():
        seconds, kib, cpu = zip(*taken)
        print(f"  {name:32}{min(seconds):8.2f}{statistics.median(seconds):8.2f}{max(seconds):8.2f}"
              f"{statistics.median(cpu):8.2f}{min(kib) / 1024:9.1f}")


def ratio(samples):
    """Ours to the fastest of the others, by the medians; prints those of the least and the most too."""
    others = [name for name in samples if not name.startswith("jetpack")]
    by = {}
    for kind, of in (("min", min), ("median", statistics.median), ("max", max)):
        each = {name: of([seconds for seconds, _, _ in taken]) for name, taken in samples.items()}
        by[kind] = each["jetpack"] / min(each[name] for name in others)
    print("  ours / the fastest other: " + ", ".join(f"{kind} {value:.2f}" for kind, value in by.items()))
    return by["median"]


def downloads(directory, url, homes, sets):
    """Every data set to every target, cold and warm; {(set, target, state): samples}."""
    results = {}
    with targets(directory) as places:
        for (what, place), (name, make) in ((target, one) for target in places.items() for one in sets.items()):
            for state in ("cold", "warm"):
                cases = make(place)
                samples = measured(cases, functools.partial(settle, place, state == "cold"))
                print_samples(f"{name} to {what}, {state}", samples)
                results[name, what, state] = samples
            shutil.rmtree(place / "got")
    return results


def verdict(results):
    """The lines of the budgets for downloads."""
    holds = []
    for (name, what, state), samples in results.items():
        print(f"{name} to {what}, {state}:")
        holds.append(measure.budget("time / the fastest other", ratio(samples), 1))
        if "jetpack, MD5" not in samples:
            continue
        cpu = {case: statistics.median(cpu for _, _, cpu in taken) for case, taken in samples.items()}
        peak = min(kib for case in ("jetpack", "jetpack, MD5") for _, kib, _ in samples[case])
        holds += [measure.budget("with MD5 / curl, CPU", cpu["jetpack, MD5"] / cpu["curl"], 1.5),
                  measure.budget("peak", peak / 1024, 40, " MB")]
    return all(holds)


def run(directory):
    measure.require("curl", "nginx", "g++")
    directory = Path(directory)
    content = directory / "files/blobs/p/g.bin"
    content.parent.mkdir(parents=True)
    md5 = make_content(content)
    many = {name: make_many(directory / "files", name) for name in MANY}
    os.sync()
    server = Nginx(LOCATIONS.format(files=directory / "files", md5=md5))
    try:
        url = server.url
        homes = {kind: make_home(directory, f"{url}/{kind}") for kind in ("plain", "digest", "sink")}
        sets = {"1 of 1 GiB": functools.partial(single_cases, directory, url, homes)}
        for name, blobs in many.items():
            sets[name] = functools.partial(many_cases, directory, url, homes, blobs=blobs)
        holds = verdict(downloads(directory, url, homes, sets))
        up = measured(upload_cases(directory, url, homes))
        print_samples("1 GiB up", up)
    finally:
        server.remove()
    seconds, kib, cpu = zip(*up["jetpack upload"])
    return all([
        holds,
        measure.budget("jetpack upload with checksums, CPU for 1 GiB", statistics.median(cpu), 1.5, " s"),
        measure.budget("jetpack upload, peak", min(kib) / 1024, 40, " MB"),
    ])
