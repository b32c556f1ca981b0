"""Requests cores and nodes from the cluster, like `jetpack autoscale`."""
import json

from jetpack import _command

__all__ = ["scale_by_jobs", "set", "update"]

_DEFAULT_ARRAY = "execute"


def set(name=_DEFAULT_ARRAY, corecount=None, instancecount=None):  # pylint: disable=redefined-builtin
    """Sets the target of one node array, in cores or in nodes."""
    arguments = ["autoscale", "--name=" + str(name)]
    if corecount is not None:
        arguments.append("--corecount={}".format(int(corecount)))
    if instancecount is not None:
        arguments.append("--instancecount={}".format(int(instancecount)))
    _command.run(*arguments)


def update(definitions, request_set=None, expiration_interval=None):
    """Sets the whole demand: a list of node array definitions, such as
    [{"Name": "execute", "TargetCoreCount": 128}], or one of them. An empty list withdraws the demand.

    request_set names this demand beside others ("standard"); expiration_interval is when it expires, in
    seconds or as text such as "10m" (5 minutes).
    """
    if not isinstance(definitions, dict):
        definitions = list(definitions)
    arguments = ["autoscale", "--file=-"]
    if request_set is not None:
        arguments.append("--request-set=" + str(request_set))
    if expiration_interval is not None:
        unit = "" if isinstance(expiration_interval, str) else "s"
        arguments.append("--expires={}{}".format(expiration_interval, unit))
    _command.run(*arguments, body=_command.to_bytes(json.dumps(definitions)))


def scale_by_jobs(jobs, array_defs=(), request_set=None, expiration_interval=None):
    """Sets the demand to what the jobs need.

    A job has `nodearray` ("execute"), `request_cpus` (1) and `grouped` (False: any nodes will do); `name`
    and `average_runtime` change nothing. Jobs of one node array are added up. Grouped jobs get a dynamic
    node array ARRAY:CPUS, with a group of nodes for each job.

    array_defs has attributes to add to the definition of the same Name; the one named ARRAY:grouped is
    added to each ARRAY:CPUS.
    """
    given = {definition["Name"]: definition for definition in array_defs or ()}
    needed = {}
    for job in jobs:
        array = job.get("nodearray") or _DEFAULT_ARRAY
        cpus = int(job.get("request_cpus") or 1)
        if job.get("grouped"):
            _add_group(needed, given, array, cpus)
        else:
            definition = needed.setdefault(array, dict(given.get(array, {}), Name=array))
            definition["TargetCoreCount"] = definition.get("TargetCoreCount", 0) + cpus
    update(needed.values(), request_set, expiration_interval)


def _add_group(needed, given, array, cpus):
    name = "{}:{}".format(array, cpus)
    if name not in needed:
        needed[name] = {"Extends": array, "Dynamic": True}
        needed[name].update(given.get(array + ":grouped", {}))
        needed[name].update(given.get(name, {}))
        needed[name].update(Name=name, GroupCoreCount=cpus, TargetGroupCount=0)
    needed[name]["TargetGroupCount"] += 1
