"""contract_hooks.py - what Schemathesis is told about a server besides its OpenAPI document: which
jobs and stages there are, so that its requests arrive, and that what destroys is for the scratch
jobs alone. Loaded by it (SCHEMATHESIS_HOOKS); WEIR_CONTRACT is a JSON object made by test_contract.
"""

import json
import os

import schemathesis

WORLD = json.loads(os.environ["WEIR_CONTRACT"])

# A 400 or 422 to what each parameter alone may be: what the document says in words only.
IN_WORDS = (
    "limit= is for a list, key= asks for one key",
    "live=only is for one key",
    "live=only is as it is now, at= a checkpoint",
    " is for savepoint=1",
    " is for restore=",
    "claim=1 takes a directory over",
    "was the last: back is where it was before",
    "the job has",  # what a body or set= makes of it: faults of the job
)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether it is one. A bound that is reached (503, E_LIMIT) is none."""
    if failure.code == "ST101":
        return response.status_code != 503 or response.json()["code"] != "E_LIMIT"
    said = response.json().get("message", "") if failure.code == "ST202" else ""
    return not any(words in said for words in IN_WORDS)


def narrow(parameter, operation, path):
    """A valid value is one that is there; every other one is still asked for as an invalid one.
    An example is asked for first, before anything is gone: so that each operation is done once."""
    name, where = parameter["name"], parameter["in"]
    ends = path.endswith(("/remove", "/cancel"))
    which = {"delete": "deleted", "get": "jobs"}.get(operation, "doomed" if ends else "scratch")
    if where == "path" and name == "name":
        parameter["schema"] = {"enum": WORLD[which]}
        parameter["example"] = WORLD[which][0]
    elif where == "path" and name == "stage":
        parameter["schema"] = {"enum": WORLD["stages"]}
        parameter["example"] = "out" if "/tail/" in path else "count"
    elif where == "path" and path.endswith("/checkpoints/{id}"):
        parameter["example"] = WORLD["newest"]
    elif where == "path" and "/steps/" in path:
        parameter["example"] = 1
        parameter["schema"] = {"type": "integer", "minimum": 0, "maximum": 500}
    elif where == "path" and "/actions/" in path:
        parameter["example"] = 1
        parameter["schema"] = {"type": "integer", "minimum": 1, "maximum": 1000}
    elif where == "query" and name == "at":
        parameter["schema"] = {"enum": WORLD["at"]}
    elif where == "query" and name == "file":
        parameter["schema"] = {"enum": [WORLD["file"]]}
    elif where == "query" and name == "set":
        parameter["schema"]["items"] = {"enum": ["checkpoint.interval=50ms", "a=b"]}
    elif where == "query" and name == "restore":
        parameter["schema"] = {"enum": ["1", "one", WORLD["other"]]}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    for path, operations in raw_schema["paths"].items():
        for operation, said in operations.items():
            for parameter in said["parameters"]:
                narrow(parameter, operation, path)
            if "requestBody" in said:
                (content,) = said["requestBody"]["content"].values()
                content["schema"] = {"enum": WORLD["bodies"]}
                content["example"] = WORLD["bodies"][0]
