"""What the checkout promises about itself: names that are ours, folders that shadow nothing, no address of anybody's machine
or of a registry."""

import importlib
import re

import pytest

from tests.house.tree import ROOT, TOP_LEVEL, files, python_files

# Written in two halves, so that this file does not hold what it forbids.
PACKAGE_INDEXES = [
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "proxy.golang" + ".org",
    "sum.golang" + ".org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "crates" + ".io",
    "repo.maven" + ".apache.org",
    "deb.debian" + ".org",
    "security.debian" + ".org",
    "archive.ubuntu" + ".com",
    "repo1.maven" + ".org",
    "rubygems" + ".org",
]
CONTAINER_REGISTRIES = [
    "docker" + ".io",
    "hub.docker" + ".com",
    "gcr" + ".io",
    "pkg" + ".dev",
    "ghcr" + ".io",
    "quay" + ".io",
    "registry.k8s" + ".io",
    "mcr.microsoft" + ".com",
    "azurecr" + ".io",
    "public.ecr" + ".aws",
    "dkr" + ".ecr",
    "registry.gitlab" + ".com",
    "nvcr" + ".io",
    "cgr" + ".dev",
    "icr" + ".io",
    "ocir" + ".io",
    "lscr" + ".io",
    "registry.redhat" + ".io",
    "registry.access.redhat" + ".com",
    "registry.suse" + ".com",
]
PLACES = [r"(?<![\w.~-])/work" + r"/", r"\.lib" + r"rary\b", r"\.\./" + r"shared/"]
HOSTS = r"(?<![\w-])(?i:" + "|".join(map(re.escape, [*PACKAGE_INDEXES, *CONTAINER_REGISTRIES])) + r")(?![\w-])"
FORBIDDEN = re.compile("|".join([HOSTS, *PLACES]))


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_the_package_that_python_imports_is_this_one(name: str) -> None:
    """Other distributions ship a top-level `workflows` or `workers`; one environment per installation keeps them out."""
    found = importlib.import_module(name).__file__
    assert found == str(ROOT / name / "__init__.py")


def test_every_folder_of_python_is_a_package() -> None:
    """Without `__init__.py`, pytest would put `tests/` on the path, and `tests/workflows` would shadow `workflows`."""
    folders = {path.parent for path in python_files("tests", *TOP_LEVEL)}
    assert [str(f.relative_to(ROOT)) for f in sorted(folders) if not (f / "__init__.py").exists()] == []


def test_no_file_names_a_registry_of_packages_or_containers_or_a_place_on_somebodys_machine() -> None:
    found = []
    for path in files():
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if match := FORBIDDEN.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match.group()}")
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        *(f"https://{host}" for host in PACKAGE_INDEXES),
        *(f"image: {host}/team/app:1" for host in CONTAINER_REGISTRIES),
        "image: 1234.dkr" + ".ecr.eu-west-1.example/app",
        "image: eu" + ".gcr" + ".io/p/a",
        "FROM GHCR" + ".io/p/a",
    ],
)
def test_a_registrys_host_is_found_wherever_it_stands(text: str) -> None:
    assert FORBIDDEN.search(text)


@pytest.mark.parametrize(
    "text",
    [
        "image: registry.example/app:1",
        "image: registry.example.internal/byteport/byteport-agent",
        "repository: byteport-agent",
        "eks.amazonaws.com/compute-type",
        "docker" + ".iothing",
        "my-icr" + ".io.example",
    ],
)
def test_a_made_up_registry_and_a_label_of_a_cloud_are_none(text: str) -> None:
    assert not FORBIDDEN.search(text)


def test_no_test_module_is_named_so_that_pytest_would_not_collect_it() -> None:
    stray = [
        path.relative_to(ROOT)
        for path in python_files("tests")
        if re.search(r"^(async )?def test_", path.read_text(), re.MULTILINE) and not path.name.startswith("test_")
    ]
    assert stray == []
