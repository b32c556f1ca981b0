"""What runs where the kernel is Linux 4.18, or a seccomp profile does not know newer system calls."""

import errno
import os
import platform
import zipfile

import pytest

# Newer than Linux 4.18; the numbers are those of x86-64 and of arm64.
NEW_CALLS = {"pidfd_send_signal": 424, "io_uring_setup": 425, "pidfd_open": 434, "clone3": 435,
             "close_range": 436, "openat2": 437, "pidfd_getfd": 438, "faccessat2": 439,
             "epoll_pwait2": 441, "landlock_create_ruleset": 444, "cachestat": 451, "fchmodat2": 452}


@pytest.fixture(scope="module")
def deny(denying):
    """deny(ERRNO): a prefix for commands for which these calls fail."""
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("the numbers of the system calls are not known here")

    def prefix(error):
        # The C library itself takes EPERM from clone3 for a failure.
        return denying(error, *(number for name, number in NEW_CALLS.items()
                                if name != "clone3" or error == errno.ENOSYS))
    return prefix


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EPERM])
def test_a_directory_is_a_locker_without_openat2(jetpack, home, tmp_path, deny, error):
    locker, here = tmp_path / "locker", tmp_path / "here"
    (locker / "blobs/p/lib/deep").mkdir(parents=True)
    here.mkdir()
    (locker / "blobs/p/x").write_text("content")
    (locker / "blobs/p/lib/deep/two").write_text("two")
    (locker / "blobs/p/lib/inside").symlink_to("../x")
    (locker / "blobs/p/lib/outside").symlink_to("/etc/hostname")
    home.write("config/locker.json", {"url": f"file://{locker}"})
    words = {"cwd": here, "prefix": deny(error)}
    jetpack.answer("download", "--project", "p", "x", **words)
    jetpack.answer("download", "--project", "p", "-r", "lib", **words)
    assert (here / "x").read_text() == "content"
    assert sorted(str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()) == [
        "lib/deep/two", "lib/inside", "x"]
    refused = jetpack("download", "--project", "p", "lib/outside", **words)
    assert refused.returncode == 1 and "a link leads out of it" in refused.stderr
    missing = jetpack("download", "--project", "p", "-r", "nothing", **words)
    assert missing.returncode == 1 and "no blob below it" in missing.stderr
    # A report is stored there too.
    assert jetpack("report_issue", "--upload", timeout=120, **words).returncode == 0
    (report,) = (locker / "issues").rglob("*.zip")
    assert zipfile.ZipFile(report).testzip() is None


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EPERM])
def test_every_verb_runs_without_the_newer_calls(jetpack, server, home, deny, error):
    prefix = deny(error)
    for words in (["config", "x", "fallback"], ["log", "hello"], ["status"], ["users"], ["help"],
                  ["condition", "set", "-n", "x", "-s", "Warning", "-m", "m"], ["condition", "list"],
                  ["condition", "clear", "x"], ["props", "set", "k", "v"], ["props", "get", "k"],
                  ["autoscale", "--corecount", "3"], ["shutdown", "--idle"], ["plugin", "list"],
                  ["keepalive", "6h"], ["keepalive", "--cancel"], ["run_on_shutdown", "/bin/true"],
                  ["run_on_shutdown", "--list"], ["installation", "set", "ok"]):
        result = jetpack(*words, prefix=prefix)
        assert result.returncode in (0, 1), (words, result)
        assert "Function not implemented" not in result.stderr, (words, result)
        assert "Operation not permitted" not in result.stderr, (words, result)
    assert os.listdir(home / "run")
