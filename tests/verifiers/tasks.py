"""A client of GA4GH's Task Execution Service by others (py-tes), asked line by line.

    tasks.py URL TOKEN

Each line that comes is a JSON list: the name of one of the client's methods, and its arguments. Each is answered with
a line: what the method returned, or the status and the body of the error that it raised.
"""

import json
import sys

import requests
import tes
from tes.utils import unmarshal

url, token = sys.argv[1:]
client = tes.HTTPClient(url, timeout=60, token=token or None)
for line in sys.stdin:
    name, *arguments = json.loads(line)
    if name == "create_task":
        arguments = [unmarshal(arguments[0], tes.Task)]
        whole, fault = arguments[0].is_valid()
        assert whole, fault
    try:
        found = getattr(client, name)(*arguments)
        answer = {"ok": found.as_dict() if hasattr(found, "as_dict") else found}
    except requests.exceptions.HTTPError as error:
        answer = {"status": error.response.status_code, "body": error.response.json()}
    print(json.dumps(answer, default=str), flush=True)
