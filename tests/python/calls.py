"""Calls what scripts call of the module `jetpack`, on any Python from 3.6; prints the results as JSON."""
import json
import logging
import sys

import jetpack
import jetpack.autoscale
import jetpack.converge as jc
from jetpack import config, props, util
from jetpack import log as jplog


def error_of(function, *args, **options):
    """The name and the text of what it raises."""
    try:
        function(*args, **options)
    except Exception as e:  # pylint: disable=broad-except
        return [type(e).__name__, str(e)]
    return None


def look_up(mapping, key):
    """As callers do with a configuration that may be a dictionary or the module."""
    return mapping.get(key, "none")


found = {"version": list(sys.version_info[:2])}
found["attributes"] = [jetpack.config is config, jetpack.util is util, jetpack.props is props]
KEYS = ("text", "yes", "number", "nothing", "list", "empty", "object", "object.object", "big", "-dash")
found["values"] = {key: config.get(key) for key in KEYS}
found["default"] = [config.get("no.key", {"a": [1]}), config.get("no.key", None), config.get("", 1),
                    look_up(jetpack.config, "text"), look_up(jetpack.config, "no")]
found["whole"] = config.get() == config.get(None) and sorted(config.get())
found["missing"] = error_of(config.get, "no.key")
found["is_config_error"] = issubclass(config.ConfigError, Exception)
found["props"] = [props.get("os.version"), props.get("no", "x"), props.get()]
found["no_prop"] = error_of(props.get, "no")

for text in ("--- begins with a dash ---", "two\nlines", b"raw \xff byte", "surrogate \udcff", "gr\u00fc\u00df", "-", ""):
    jplog(text)
jplog("careful", "warn")
jetpack.log("broken", level="error", priority="low")
found["level"] = error_of(jetpack.log, "x", "loud")

jetpack.autoscale.set(name="gpu", corecount=128)
jetpack.autoscale.set(instancecount=3)
jetpack.autoscale.update([{"Name": "execute", "TargetCoreCount": 7}])
jetpack.autoscale.update({"Name": "execute", "TargetCount": 0})
jetpack.autoscale.update([{"Name": "d", "Extends": "execute", "TargetCount": 3, "Dynamic": True}],
                         request_set="night", expiration_interval=600)
jetpack.autoscale.update([])
found["bad_autoscale"] = [error_of(jetpack.autoscale.set), error_of(jetpack.autoscale.update, ["x"])]
JOBS = [{"name": 1, "nodearray": "execute", "request_cpus": 2, "average_runtime": None},
        {"name": 2, "nodearray": None, "request_cpus": 3},
        {"name": 3, "nodearray": "hpc", "request_cpus": 64, "grouped": True},
        {"name": 4, "nodearray": "hpc", "request_cpus": 64, "grouped": True}]
DEFINITIONS = {"hpc": {"Name": "hpc:grouped", "Configuration": {"sge": {"is_grouped": True}}}}
jetpack.autoscale.scale_by_jobs(JOBS, DEFINITIONS.values())
jetpack.autoscale.scale_by_jobs([])

jc._send_installation_status("warning")  # pylint: disable=protected-access
found["bad_status"] = error_of(jc._send_installation_status, "odd")  # pylint: disable=protected-access

found["is_linux"] = util.is_linux()
found["timestamp"] = util.iso_8601_timestamp()
settings = util.parse_config(None)
found["settings"] = [settings["identity"]["cluster_name"], settings["identity"]["instance_id"],
                     settings["cycle_server"]["api_username"], settings["cycle_server"]["webserver"]]
response = util.query_cyclecloud("/clusterlink/messages", body=json.dumps({"messages": []}), method="POST")
found["query"] = [response.status, json.loads(response.read().decode())]
found["get"] = util.query_cyclecloud("/nothing").status
connection, headers = util.get_cyclecloud_connection(settings)
found["tested"] = util.test_cyclecloud_connection(connection)
connection.request("POST", "/cloud/x", headers=headers)
found["authorization"] = [connection.getresponse().status, headers["Authorization"].split()[0]]
connection.close()
found["other_connection"] = util.get_cyclecloud_connection(sys.argv[1])[0].host
found["running"] = [util.already_running(sys.argv[2]), util.already_running(sys.argv[2])]
found["user_error"] = [str(util.UserError("why", "how")), util.UserError("why", "how").recommendation]
util.setup_logging()
logging.getLogger("site").warning("from %s", "python")
logging.getLogger("site").debug("not shown")
print(json.dumps(found))
