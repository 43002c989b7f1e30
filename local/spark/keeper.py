"""Runs inside Glue's Python and holds a Java with Spark, on which one program after another may run.

Each line on standard input is a request in JSON, each line on standard output its answer. `{"properties": {...}}` sets
Spark's properties for the next program and is answered with the environment that lets PySpark find this Java; `{}` ends
what the last program left and is answered with `{}`. Java ends when standard input does.
"""

import json
import os
import sys
from typing import Any

from pyspark import java_gateway


def _set(java: Any, properties: dict[str, str], before: set[str]) -> None:
    for name in before - properties.keys():
        java.System.clearProperty(name)
    for name, value in properties.items():
        java.System.setProperty(name, value)


def _end_program(java: Any) -> None:
    # Scala's own way to a member of an object; the public ones make a context where there is none.
    context = getattr(getattr(java.org.apache.spark, "SparkContext$"), "MODULE$").getActive()
    if context.isDefined():
        context.get().stop()
    java.org.apache.hadoop.fs.FileSystem.closeAll()  # they remember the properties that they were made with


def main() -> None:
    """Answer until there are no more requests."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what Java prints is no answer
    launch: Any = java_gateway.launch_gateway  # has no types
    gateway = launch()
    found = {
        "PYSPARK_GATEWAY_PORT": str(gateway.gateway_parameters.port),
        "PYSPARK_GATEWAY_SECRET": gateway.gateway_parameters.auth_token,
        "SPARK_LOCAL_DIRS": os.environ["SPARK_LOCAL_DIRS"],  # whoever looks for a run's processes knows Java by it
    }
    known: set[str] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if "properties" in request:
            _set(gateway.jvm, request["properties"], known)
            known = set(request["properties"])
        else:
            _end_program(gateway.jvm)
        print(json.dumps(found if request else {}), file=answers, flush=True)


if __name__ == "__main__":
    main()
