"""The pods of a rendered chart as folders: each container with exactly the files that it mounts, and no others.

Comes before `test_first_start.py`. A kubelet's part is played plainly: ConfigMaps and Secrets are files, the volume is one
folder that all pods share by their `subPath`, memory is a folder of the pod's own. Paths in settings are moved along.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from byteport.kubernetes.port import JSON
from tests.chart.chart import of_kind

MOVED = ("/etc/byteport", "/run/byteport", "/var/lib/byteport")
"""Where everything of ours lies in a container."""
Secrets = Mapping[str, Mapping[str, str]]
"""By name, each with its files."""


class Kubelet:
    """Lays out the containers of one rendering under `folder`."""

    def __init__(self, folder: Path, objects: list[JSON], secrets: Secrets) -> None:
        self._folder = folder
        self._configs = {item["metadata"]["name"]: item.get("data") or {} for item in of_kind(objects, "ConfigMap")}
        self._secrets = secrets

    def root_of(self, deployment: JSON, container: JSON) -> Path:
        """A folder that stands for the container's `/`, with everything that it mounts."""
        pod = str(deployment["metadata"]["name"])
        root = self._folder / pod / str(container["name"])
        volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"]["volumes"]}
        for mount in container["volumeMounts"]:
            if not mount["mountPath"].startswith(MOVED):
                continue
            place = root / mount["mountPath"].lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            volume = volumes[mount["name"]]
            if "configMap" in volume:
                self._files(place, self._configs[volume["configMap"]["name"]], root)
            elif "projected" in volume:
                self._project(place, volume["projected"])
            else:
                self._share(place, pod, volume, mount)
        return root

    def _files(self, place: Path, data: Mapping[str, str], root: Path) -> None:
        place.mkdir()
        for name, text in data.items():
            (place / name).write_text(moved(text, root))

    def _project(self, place: Path, projected: JSON) -> None:
        place.mkdir()
        for source in projected["sources"]:
            for item in source["secret"]["items"]:
                path = place / item["path"]
                path.write_text(self._secrets[source["secret"]["name"]][item["key"]])
                path.chmod(projected["defaultMode"])

    def _share(self, place: Path, pod: str, volume: JSON, mount: JSON) -> None:
        shared = "persistentVolumeClaim" in volume
        behind = self._folder / ("volume" if shared else f"{pod}-{volume['name']}") / mount.get("subPath", "")
        behind.mkdir(parents=True, exist_ok=True)
        place.symlink_to(behind)


def files_below(root: Path) -> list[Path]:
    """Every file that a process with this `/` can open, through whatever is mounted."""
    return [Path(folder) / name for folder, _, names in os.walk(root, followlinks=True) for name in names]


def moved(text: str, root: Path) -> str:
    """Paths of ours, below `root`."""
    for prefix in MOVED:
        text = text.replace(prefix, f"{root}{prefix}")
    return text
