"""python-jenkins, one call at a time: URL USER TOKEN METHOD [ARGUMENTS-IN-JSON] -> JSON on standard output."""

import json
import sys

import jenkins
import requests

url, user, token, method = sys.argv[1:5]
arguments = json.loads(sys.argv[5]) if len(sys.argv) > 5 else []
client = jenkins.Jenkins(url, username=user, password=token)


def progressive(name, number, start):
    """It has no call of its own for this part of the API."""
    folder = "/job/".join(name.split("/"))
    path = f"job/{folder}/{number}/logText/progressiveText?start={start}"
    answer = client.jenkins_request(requests.Request("GET", client.server + path))
    more = answer.headers.get("X-More-Data") == "true"
    return {"text": answer.text, "size": int(answer.headers["X-Text-Size"]), "more": more}


def look():
    """The version is told to whoever asks; who asks is known since the call before."""
    me = client.get_whoami()
    return {"id": me["id"], "version": client.get_version()}


calls = {"progressive": progressive, "look": look}
try:
    result = (calls.get(method) or getattr(client, method))(*arguments)
except jenkins.JenkinsException as error:
    sys.exit(str(error))
print(json.dumps(result))
