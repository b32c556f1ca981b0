"""Chef in `jetpack converge`: asked for by a run list, with a stand-in for the client that notes how it is run."""

import json
import os
import shutil

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root converges")

CLIENT = """#!/usr/bin/python3
import json, os, pathlib, sys
base = pathlib.Path({base!r})
settings = pathlib.Path(sys.argv[sys.argv.index("-c") + 1]).read_text()
attributes = json.loads(pathlib.Path(sys.argv[sys.argv.index("-j") + 1]).read_text())
base.joinpath("called").write_text(json.dumps([sys.argv[1:], settings, attributes, os.environ.get("CYCLECLOUD_HOME")]))
print("Recipe: site::default")
if attributes["site"]["fail"]:
    print(attributes["site"]["fail"])
    sys.exit(3)
"""


@pytest.fixture
def node(jetpack, tmp_path):
    """A node with one spec that has a script and cookbooks; converge(RUN_LIST, [FAIL]) configures and runs it."""
    home, base = jetpack.home, tmp_path
    scripts = base / "cluster-init/site/default/scripts"
    scripts.mkdir(parents=True)
    (scripts / "1.sh").write_text(f"touch {base}/script-ran\n")
    client = base / "chef-client"
    client.write_text(CLIENT.format(base=str(base)))
    client.chmod(0o755)
    cookbooks = home / "system/chef/specs/site/default"
    for name in ("site-cookbooks/site/recipes", "cookbooks/other/recipes", "roles"):
        (cookbooks / name).mkdir(parents=True)
    (cookbooks / "site-cookbooks/site/recipes/default.rb").write_text("# site\n")
    (cookbooks / "roles/worker.json").write_text("{}")
    (base / "called").unlink(missing_ok=True)

    def converge(run_list, *args, fail="", spec_list=None, installed=True, code=0, **keys):
        spec = {"project": "site", "spec": "default", "version": "1"}
        if spec_list:
            spec["run_list"] = spec_list
        home.node({"run_list": run_list, "site": {"fail": fail}, "cyclecloud": {
            "cluster_init_specs": [spec], **keys, "jetpack": {
                "cluster_init_dir": str(base / "cluster-init"),
                "chef_client": str(client if installed else base / "none")}}})
        for name in ("called", "script-ran"):
            (base / name).unlink(missing_ok=True)
        result = jetpack("converge", "--offline", "--rerun-scripts", *args)
        assert result.returncode == code, result
        called = base / "called"
        return result, json.loads(called.read_text()) if called.exists() else None

    converge.script_ran = base / "script-ran"
    return converge


def test_chef_runs_with_merged_cookbooks_before_the_scripts(node, jetpack):
    _, (args, settings, attributes, home) = node("recipe[site], role[worker]", spec_list=["recipe[other]"])
    assert args[-1] == "--local-mode" and home == str(jetpack.home.path)
    assert attributes["run_list"] == ["recipe[jetpack]", "recipe[site]", "role[worker]", "recipe[other]"]
    assert attributes["cyclecloud"]["cluster_init_specs"][0]["project"] == "site"
    repository = jetpack.home / "system/chef/chef-repo"
    assert f"cookbook_path '{repository}/cookbooks'" in settings
    assert sorted(os.listdir(repository / "cookbooks")) == ["jetpack", "other", "site"]
    assert os.listdir(repository / "roles") == ["worker.json"]
    assert sorted(os.listdir(repository / "cookbooks/jetpack/resources")) == ["download.rb", "log.rb", "send.rb"]
    assert (jetpack.home / "system/chef/attributes.json").stat().st_mode & 0o777 == 0o600
    assert "Recipe: site::default" in (jetpack.home / "logs/chef-client.log").read_text()
    assert node.script_ran.exists()
    steps = json.loads(jetpack.answer("converge", "history", "--json"))[-1]["steps"]
    assert [(step["action"], step["status"]) for step in steps] == [("chef", "ran"), ("script", "ran")]


def test_recipes_around_the_run_list(node, jetpack):
    for name in ("cyclecloud", "cluster_init"):
        (jetpack.home / "system/chef/specs/site/default/cookbooks" / name).mkdir()
    _, called = node(["recipe[site]"])
    assert called[2]["run_list"] == ["recipe[jetpack]", "recipe[cyclecloud]", "recipe[site]", "recipe[cluster_init]"]
    shutil.rmtree(jetpack.home / "system/chef/specs/site/default/cookbooks/cluster_init")
    _, called = node(["recipe[site]"])
    assert called[2]["run_list"] == ["recipe[jetpack]", "recipe[cyclecloud]", "recipe[site]"]


def test_without_a_client_nothing_runs(node):
    result, called = node("recipe[site]", installed=False, code=1)
    assert result.stderr.startswith(
        "jetpack converge: Chef is not installed, and the run list asks for it: recipe[site]\nRecommendation: ")
    assert called is None and not node.script_ran.exists()


def test_chef_is_not_needed(node):
    for result, called in (node([], installed=False), node("recipe[site]", installed=False, enable_chef=False),
                           node("recipe[site]", "--cluster-init", installed=False)):
        assert called is None, result
        assert node.script_ran.exists()


def test_a_failure_is_told_before_any_script(node):
    result, _ = node("recipe[site]", fail="boom", code=1)
    assert result.stderr.startswith("jetpack converge: Failed to run Chef (return code: 3)\n")
    assert "Chef output:\nRecipe: site::default\nboom\n" in result.stderr
    assert not node.script_ran.exists()
    result, _ = node("recipe[site]", fail="Cookbook gone not found. If you are loading", code=1)
    assert result.stderr.startswith("jetpack converge: Error resolving Chef cookbooks - No such cookbook: gone\n")
