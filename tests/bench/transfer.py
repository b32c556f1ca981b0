"""Downloads from nginx on loopback beside curl, rclone and azcopy: one blob of 1 GiB, 1,000 of 1 MiB and 20,000
of 4 KiB, to tmpfs, ext4 and an overlay, with and without older files there; and 1 GiB back. Time, CPU, memory. A kind of
data is one set of blobs and where they go: 1g-ext4."""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from email.utils import formatdate
from pathlib import Path

import drain
import measure
import pytest
import samples
from servers import npm
from servers.nginx import Nginx

SIZE = 1 << 30
RUNS = 3
# {data set: (blobs, bytes of each)}
SETS = {"1g": (1, SIZE), "1000x1m": (1000, 1 << 20), "20000x4k": (20_000, 4 << 10)}
TARGETS = ("tmpfs", "ext4", "overlay")
KINDS = (*(f"{blobs}-{target}" for blobs in SETS for target in TARGETS), "upload")
MD5_ALONE = "openssl dgst -md5"
# Of an address without a domain, azcopy takes the first part for the account.
PLAIN = "/account/plain"
# Unlike a locker, nginx knows directories, for which azcopy looks first.
LOCATIONS = """
location {plain}/ {{ alias {files}/; autoindex on; add_header x-ms-blob-type BlockBlob; }}
location /digest/ {{ alias {files}/; add_header Content-MD5 {md5}; }}
location = {plain} {{ if ($args ~ "comp=list.*(many[0-9]+)") {{ set $of $1; rewrite ^ {plain}/blobs/p/$of/.list? last; }} }}
location ~ ^{plain}/blobs/p/many[0-9]+$ {{ return 404; }}
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


def make_many(files, count, size):
    """Blobs below files/blobs/p/DIRECTORY, and their listing; returns the directory's name."""
    directory = f"many{size}"
    (files / "blobs/p" / directory).mkdir()
    entries = []
    for number in range(count):
        content = os.urandom(size)
        path = f"blobs/p/{directory}/{number:05}.bin"
        (files / path).write_bytes(content)
        # nginx's ETag has the time and the size: what the locker says must be the same.
        modified = int((files / path).stat().st_mtime)
        md5 = base64.b64encode(hashlib.md5(content).digest()).decode()
        entries.append(f"<Blob><Name>{path}</Name><Properties><Last-Modified>{formatdate(modified, usegmt=True)}</Last-Modified>"
                       f"<Etag>{modified:x}-{size:x}</Etag><Content-Length>{size}</Content-Length>"
                       f"<Content-MD5>{md5}</Content-MD5><BlobType>BlockBlob</BlobType></Properties></Blob>")
    (files / f"blobs/p/{directory}/.list").write_text(
        f'<?xml version="1.0"?><EnumerationResults><Blobs>{"".join(entries)}</Blobs></EnumerationResults>')
    return directory


@contextlib.contextmanager
def target_place(directory, target):
    """A directory on a file system of that kind, mounted for as long as it lasts. That needs root."""
    place = directory / target
    place.mkdir()
    words = ["-t", "tmpfs", "-o", "size=3G", "tmpfs"]
    if target == "ext4":
        image = directory / "ext4.img"
        with open(image, "wb") as file:
            file.truncate(4 << 30)
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        words = ["-o", "loop", str(image)]
    if target == "overlay":
        parts = {name: directory / name for name in ("lowerdir", "upperdir", "workdir")}
        for part in parts.values():
            part.mkdir()
        words = ["-t", "overlay", "-o", ",".join(f"{name}={part}" for name, part in parts.items()), "overlay"]
    subprocess.run(["mount", *words, place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)
        place.rmdir()
        (directory / "ext4.img").unlink(missing_ok=True)
        for part in ("lowerdir", "upperdir", "workdir"):
            shutil.rmtree(directory / part, ignore_errors=True)


def make_home(directory, locker):
    """A node whose locker is at that address; its environment."""
    home = directory / f"home-{locker.rsplit('/', 1)[1]}"
    for name in ("config", "logs", "run"):
        (home / name).mkdir(parents=True)
    (home / "config/node.json").write_text("{}")
    (home / "config/locker.json").write_text(json.dumps({"url": locker}))
    return measure.jetpack_environment(home)


def azcopy():
    """The program that is installed, or the one of npm; None where neither can be had."""
    with contextlib.suppress(pytest.skip.Exception):
        return shutil.which("azcopy") or npm.azcopy()
    return None


def tool_cases(environment, source, name, target, rclone_words, is_directory=False):
    """rclone and azcopy, as far as they can be had, for one blob, or for all of a directory."""
    for tool, program, words in (
            ("rclone", shutil.which("rclone"), ["--config", "", "--ignore-times", *rclone_words,
                        *(["copy", f":http,url='{source}/{name}/':"] if is_directory else
                          ["copyto", f":http,url='{source}/':{name}"]), target]),
            ("azcopy", azcopy(), ["copy", f"{source}/{name}?sig=none", str(Path(target).parent) if is_directory else target,
                        "--recursive", "--from-to", "BlobLocal", "--skip-version-check", "--output-level", "quiet"])):
        if program:
            yield measure.Case(tool, [str(program), *words], environment)


def environment_of(directory):
    return {"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C.UTF-8"}


def single_cases(directory, url, homes, place):
    """One blob of 1 GiB to place/got."""
    target, environment = str(place / "got/g.bin"), environment_of(directory)
    download = [str(measure.BUILT_HOME / "bin/jetpack"), "download", "--project", "p", "g.bin", target]
    return [
        measure.Case("jetpack", download, homes["plain"]),
        measure.Case("jetpack, MD5", download, homes["digest"]),
        measure.Case("curl", [shutil.which("curl"), "-sfo", target, f"{url}{PLAIN}/blobs/p/g.bin"], environment),
        *tool_cases(environment, f"{url}{PLAIN}/blobs/p", "g.bin", target, []),
        measure.Case(MD5_ALONE, [shutil.which("openssl"), "dgst", "-md5", str(directory / "files/blobs/p/g.bin")],
                     environment)]


def many_cases(directory, url, homes, place, blobs):
    """All blobs of a directory to place/got/. jetpack and azcopy check their MD5s, the others only the
    lengths."""
    target, environment = place / "got", environment_of(directory)
    names = sorted(path.name for path in (directory / "files/blobs/p" / blobs).glob("*.bin"))
    wanted = directory / f"{blobs}.curl"
    wanted.write_text("".join(f'url = "{url}{PLAIN}/blobs/p/{blobs}/{name}"\noutput = "{target}/{blobs}/{name}"\n'
                              for name in names))
    curl = [shutil.which("curl"), "-sf", "--create-dirs", "-K", str(wanted)]
    return [
        measure.Case("jetpack", [str(measure.BUILT_HOME / "bin/jetpack"), "download", "--fresh", "--recursive",
                                 "--project", "p", blobs, str(target) + "/"], homes["plain"]),
        measure.Case("curl", curl, environment),
        *tool_cases(environment, f"{url}{PLAIN}/blobs/p", blobs, str(target / blobs),
                    ["--http-no-head", "--transfers", "8"], is_directory=True)]


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


def is_peer(name):
    return name != MD5_ALONE and not name.startswith("jetpack")


def fastest(results):
    """The name of the fastest of the others, by the medians."""
    return min(filter(is_peer, results), key=lambda name: results[name].milliseconds)


def verdicts(title, results):
    """The budgets of one set of blobs at one place: whether they hold."""
    ours, best = results["jetpack"], results[fastest(results)]
    holds = [measure.budget(f"{title}: time / the fastest other", ours.ratio(best), 1)]
    if "rclone" in results:
        ours_spread, their_spread = (samples.spread(r.seconds).percent for r in (ours, results["rclone"]))
        holds.append(measure.budget(f"{title}: spread", ours_spread, their_spread, " %"))
    if "jetpack, MD5" in results:
        checked = results["jetpack, MD5"]
        longest = max(ours, results[MD5_ALONE], key=lambda result: result.milliseconds)
        holds += [
            measure.budget(f"{title}: with MD5 / the longer of both alone", checked.ratio(longest), 1.05),
            measure.budget(f"{title}: with MD5 / curl, CPU", checked.cpu_ratio(results["curl"]), 1.5),
            measure.budget(f"{title}: peak", max(ours.peak_kib, checked.peak_kib) / 1024, 40, " MB")]
    return all(holds)


def download(directory, url, homes, blobs, target):
    """One set of blobs to one place, cold and warm."""
    count, size = SETS[blobs]
    holds = []
    with target_place(directory, target) as place:
        if count == 1:
            cases = single_cases(directory, url, homes, place)
        else:
            cases = many_cases(directory, url, homes, place, f"many{size}")
        for state in ("cold", "warm"):
            results = measure.side_by_side(cases, RUNS, lambda _, is_cold=state == "cold": settle(place, is_cold),
                                           is_warmed=False)
            for result in results.values():
                result.bytes_in = count * size
            title = f"{blobs}, {target}, {state}"
            measure.print_table(results, fastest(results), title)
            holds.append(verdicts(title, results))
    return all(holds)


def upload(directory, url, homes):
    results = measure.side_by_side(upload_cases(directory, url, homes), RUNS, is_warmed=False)
    measure.print_table(results, "curl -T", "1 GiB up")
    ours = results["jetpack upload"]
    return all([
        measure.budget("jetpack upload with checksums, CPU for 1 GiB", samples.spread(ours.cpu_seconds).median, 1.5, " s"),
        measure.budget("jetpack upload, peak", ours.peak_kib / 1024, 40, " MB"),
    ])


def run(directory, kinds=KINDS):
    measure.require("curl", "nginx", "g++", "openssl", "mkfs.ext4")
    if os.geteuid() != 0:
        raise SystemExit("tools/bench: transfer mounts file systems; run it as root")
    directory = Path(directory)
    files = directory / "files"
    (files / "blobs/p").mkdir(parents=True)
    md5 = ""
    if any(kind.startswith(("1g-", "upload")) for kind in kinds):
        md5 = make_content(files / "blobs/p/g.bin")
    for blobs, (count, size) in SETS.items():
        if count > 1 and any(kind.startswith(f"{blobs}-") for kind in kinds):
            make_many(files, count, size)
    os.sync()
    server = Nginx(LOCATIONS.format(plain=PLAIN, files=files, md5=md5 or '""'))
    try:
        url = server.url
        homes = {kind: make_home(directory, url + path) for kind, path in (("plain", PLAIN), ("digest", "/digest"), ("sink", "/sink"))}
        return all([upload(directory, url, homes) if kind == "upload" else
                    download(directory, url, homes, *kind.split("-")) for kind in kinds])
    finally:
        server.remove()
