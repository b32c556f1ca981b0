"""One plugin source, built as its authors may build it, runs in the host that ships: any compiler,
any C++ runtime, any debug mode; as meson project and by hand; in C++ and in C."""

import shutil

import pytest

VARIANTS = {
    "g++": ("g++", [], []),
    "g++ static runtime": ("g++", [], ["-static-libstdc++", "-static-libgcc"]),
    "g++ C++23": ("g++", ["-std=c++23"], []),
    "g++ unoptimized": ("g++", ["-O0", "-g"], []),
    "g++ debug mode": ("g++", ["-D_GLIBCXX_DEBUG", "-D_GLIBCXX_ASSERTIONS"], []),
    "g++ old string ABI": ("g++", ["-D_GLIBCXX_USE_CXX11_ABI=0"], []),
    "g++ hidden, LTO": ("g++", ["-fvisibility=hidden", "-flto"], ["-flto"]),
    "g++ sections": ("g++", ["-ffunction-sections", "-fdata-sections"], ["-Wl,--gc-sections"]),
    "clang++ libstdc++": ("clang++", [], []),
    "clang++ libc++": ("clang++", ["-stdlib=libc++"], ["-stdlib=libc++"]),
}


@pytest.fixture
def try_out(jetpack, home, tmp_path):
    """try_out(LIBRARY, COMMAND): the plugin's whole behaviour, in the real host."""
    home.node({"cyclecloud": {"node": {"name": "scheduler"}}})

    def run(library, command):
        def answer(*args):
            return jetpack.answer("--plugin-path", library.parent, command, *args)

        assert answer() == "Hello, scheduler.\n"
        assert answer("Ada") == "Hello, Ada.\n"
        assert answer("--greeting=Hi", "Ada") == "Hi, Ada.\n"
        assert answer("Ada", "-g", "Salut") == "Salut, Ada.\n"
        assert "usage: jetpack " + command in answer("--help")
        refused = jetpack("--plugin-path", library.parent, command, "a", "b")
        assert (refused.returncode, refused.stdout) == (2, "")

    return run


def exported(sdk, library):
    lines = sdk.run("nm", "--dynamic", "--defined-only", library).splitlines()
    return [line.split()[-1] for line in lines]


@pytest.mark.parametrize("variant", VARIANTS)
def test_any_compiler_and_runtime(repository, sdk, tmp_path, try_out, variant):
    compiler, flags, links = VARIANTS[variant]
    source = repository / "subprojects/hello/hello.cpp"
    library = sdk.build(source, tmp_path / "p/hello.so", compiler, flags, links)
    assert exported(sdk, library) == ["jetpack_plugin_v1"]
    try_out(library, "hello")


@pytest.mark.parametrize("variant", ["g++", "g++ debug mode", "g++ old string ABI", "clang++ libc++"])
def test_errors_cross_from_any_runtime(repository, sdk, tmp_path, jetpack, variant):
    compiler, flags, links = VARIANTS[variant]
    source = repository / "subprojects/hello/hello.cpp"
    library = sdk.build(source, tmp_path / "p/hello.so", compiler, flags, links)
    result = jetpack("--plugin-path", library.parent, "hello", "--greeting=")
    assert (result.returncode, result.stdout) == (2, "")
    assert "--greeting is empty" in result.stderr


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("standard", ["c11", "c17"])
def test_a_plugin_in_c(repository, sdk, tmp_path, try_out, compiler, standard):
    source = repository / "subprojects/hello-c/hello_c.c"
    library = sdk.build(source, tmp_path / "p/hello_c.so", compiler, [f"-std={standard}"])
    assert exported(sdk, library) == ["jetpack_plugin_v1"]
    assert "libstdc++" not in sdk.run("readelf", "--dynamic", library)
    try_out(library, "hello_c")


def test_the_note_survives_strip(repository, sdk, tmp_path, try_out):
    library = sdk.build(repository / "subprojects/hello/hello.cpp", tmp_path / "p/hello.so")
    sdk.run("strip", "--strip-all", library)
    try_out(library, "hello")


def meson_build(sdk, folder, *options):
    sdk.run("meson", "setup", "build", "--werror", *options, cwd=folder)
    sdk.run("ninja", "-C", "build", cwd=folder)
    return folder / "build"


@pytest.mark.parametrize("project, command", [("hello", "hello"), ("hello-c", "hello_c")])
def test_a_meson_project_of_its_own(repository, sdk, tmp_path, try_out, project, command):
    folder = shutil.copytree(repository / "subprojects" / project, tmp_path / project)
    build = meson_build(sdk, folder)
    assert exported(sdk, build / f"{command}.so") == ["jetpack_plugin_v1"]
    try_out(build / f"{command}.so", command)
    installed = tmp_path / "destination"
    sdk.run("meson", "install", "-C", "build", "--destdir", installed, cwd=folder)
    assert (installed / str(sdk.plugin_dir).lstrip("/") / f"{command}.so").exists()


def test_the_template(repository, sdk, tmp_path, jetpack, home):
    """What `jetpack plugin new greet` makes: builds without a warning and runs."""
    folder = tmp_path / "greet"
    folder.mkdir()
    for path in (repository / "sdk/template").iterdir():
        text = path.read_text().replace("NAME", "greet")
        (folder / path.name.replace("NAME", "greet")).write_text(text)
    build = meson_build(sdk, folder)
    home.node({"cyclecloud": {"node": {"name": "scheduler"}}})
    assert jetpack.answer("--plugin-path", build, "greet") == "greet runs on scheduler\n"
    assert len((folder / "README.md").read_text().splitlines()) <= 12
