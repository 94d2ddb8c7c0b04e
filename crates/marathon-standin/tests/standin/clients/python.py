"""Debian's python3-marathon, one call at a time: URL CALL [ARGUMENT...] -> JSON on standard output."""

import json
import sys
import time

from marathon import MarathonClient
from marathon.models import MarathonApp
from marathon.models.container import (
    MarathonContainer,
    MarathonContainerPortMapping,
    MarathonDockerContainer,
)

url, call, *arguments = sys.argv[1:]
client = MarathonClient(url)


def settled():
    """What the client's users do: wait until no deployment is listed."""
    while client.list_deployments():
        time.sleep(0.05)


def tasks(app):
    return [
        {"id": task.id, "host": task.host, "ports": task.ports, "state": task.state}
        for task in client.list_tasks(app)
    ]


def create(app, image, instances):
    mapping = MarathonContainerPortMapping(container_port=8080, host_port=0)
    docker = MarathonDockerContainer(image=image, network="BRIDGE", port_mappings=[mapping])
    check = {"protocol": "HTTP", "path": "/health", "intervalSeconds": 1, "gracePeriodSeconds": 30}
    wanted = MarathonApp(
        cpus=0.1,
        mem=32,
        instances=int(instances),
        container=MarathonContainer(docker=docker),
        health_checks=[check],
        task_kill_grace_period_seconds=1,
    )
    created = client.create_app(app, wanted)
    listed = [deployment.id for deployment in client.list_deployments()]
    settled()
    return {"id": created.id, "deployments": listed, "healthy": client.get_app(app).tasks_healthy}


def scale(app, instances):
    deployment = client.scale_app(app, instances=int(instances))["deploymentId"]
    settled()
    return {"deployment": deployment, "tasks": tasks(app)}


def kill_and_scale(app, task):
    deployment = client.kill_task(app, task, scale=True)["deploymentId"]
    settled()
    return {"deployment": deployment, "tasks": tasks(app)}


def kill(app, task):
    return {"killed": client.kill_task(app, task).id}


def look(app):
    listed = client.list_apps(embed_tasks=True)
    return {
        "info": client.get_info().version,
        "apps": [{"id": each.id, "tasks": len(each.tasks)} for each in listed],
        "versions": len(client.list_versions(app)),
        "groups": [group.id for group in client.list_groups()],
        "queue": len(client.list_queue()),
        "endpoints": [[end.host, end.task_id] for end in client.list_endpoints()],
    }


def delete(app):
    deployment = client.delete_app(app)["deploymentId"]
    settled()
    return {"deployment": deployment}


def events():
    for event in client.event_stream():
        print(json.dumps({"type": event.event_type}), flush=True)


calls = [create, scale, kill, kill_and_scale, look, delete, tasks, events]
answer = {function.__name__: function for function in calls}[call](*arguments)
print(json.dumps(answer))
