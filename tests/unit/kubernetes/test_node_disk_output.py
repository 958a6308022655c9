"""Lines of df, du and a runtime become numbers and paths, whatever the lines are."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.plans import Runtime
from byteport.kubernetes.disk_output import lines_of, read_disk_output, size

GIB = 2**30
DF = """Filesystem                         Size  Used Avail Use% Mounted on
overlay                             95G   88G  7.0G  93% /
tmpfs                               64M     0   64M   0% /dev
/dev/loop3                          64M   64M     0 100% /snap/core/1
/dev/mapper/vg0-a-very-long-name-of-a-volume
                                   100G   92G  8.0G  92% /var/lib/kubelet
shm                                 64M     0   64M   0% /dev/shm
/dev/vdb                           900G  228G  672G  26% /var/lib/containerd
"""


def test_real_filesystems_are_read_and_a_containers_view_and_memory_are_not() -> None:
    seen = read_disk_output(lines_of(DF))
    assert [(found.mount, found.percent, found.size_bytes) for found in seen.mounts] == [
        ("/var/lib/kubelet", 92.0, 100 * GIB),
        ("/var/lib/containerd", 26.0, 900 * GIB),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "Dateisystem    Größe Benutzt Verf. Verw% Eingehängt auf",
        "Sys. de fichiers Taille Utilisé Dispo Uti% Monté sur",
        "ファイルシス   サイズ  使用  残り 使用% マウント位置",
        "",
    ],
)
def test_the_language_of_the_header_does_not_matter(header: str) -> None:
    seen = read_disk_output([header, "/dev/sda1 100G 92G 8,0G 92% /"])
    assert [found.percent for found in seen.mounts] == [92.0]


def test_lines_as_people_write_them_down_are_read() -> None:
    seen = read_disk_output(
        [
            "df: /dev/vda1 200G 183G 17G 92% / (nodefs: /var/lib/kubelet)",
            "df -i: /dev/vda1 6291456 6102711 188745 97% /",
            "du: /var/lib/containerd 114G, /var/log 3.1G",
            "find: /srv/spool 5611020 files",
            "crictl images: 298 total, 41 in use by a container",
        ]
    )
    assert [(found.percent, found.inodes, found.hint) for found in seen.mounts] == [
        (92.0, False, "nodefs"),
        (97.0, True, ""),
    ]
    assert [(found.path, found.used_bytes, found.files) for found in seen.measured] == [
        ("/var/lib/containerd", 114 * GIB, None),
        ("/var/log", 3 * GIB + GIB // 10, None),
        ("/srv/spool", 0, 5611020),
    ]
    assert (seen.images, seen.images_in_use, seen.runtime) == (298, 41, Runtime.CONTAINERD)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("0", 0),
        ("512", 512),
        ("4.0K", 4096),
        ("16G", 16 * GIB),
        ("3,5G", 3 * GIB + GIB // 2),
        ("1.5T", 3 * 2**39),
        ("-3G", None),
        ("1e9", None),
        ("99999999999999E", None),
        ("G", None),
        ("NaN", None),
    ],
)
def test_sizes_are_powers_of_1024_and_nonsense_is_none(word: str, expected: int | None) -> None:
    assert size(word) == expected


@pytest.mark.parametrize(
    "line",
    [
        "/dev/sda1 100G 92G 8G 900% /",
        "/dev/sda1 100G 920G 8G 99% /",
        "/dev/sda1 100G 10G 90G 92% /",
        "/dev/sda1 0 0 0 92% /",
        "/dev/sda1 100G 92G 8G 92% relative",
        "/dev/sda1 100G 92G 8G 92% /../etc",
        "/dev/sda1 - - - - /",
        "92% /",
        "",
    ],
)
def test_a_line_that_cannot_be_is_dropped(line: str) -> None:
    assert read_disk_output([line]).mounts == ()


@pytest.mark.parametrize(
    "line",
    [
        "du: cannot read directory '/var/lib/kubelet/pods/x': Permission denied",
        "/proc/loadavg: 9.11 8.70 8.52 3/98231 40112",
        "114G",
        "114 /var/lib/containerd",
        "3G\t/x y",
        "3G\t/$(reboot)",
        "crictl images: 41 total, 298 in use by a container",
    ],
)
def test_what_is_no_measurement_is_none(line: str) -> None:
    seen = read_disk_output([line])
    assert (seen.measured, seen.images) == ((), None)


LINE = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            [
                "/dev/sda1",
                "100G",
                "92G",
                "8,0G",
                "92%",
                "/",
                "df:",
                "du:",
                "find:",
                "crictl",
                "images:",
                "\x00",
                "in use",
            ]
        ),
        max_size=12,
    ).map(" ".join),
)


@given(st.lists(LINE, max_size=30))
def test_whatever_is_printed_nothing_is_raised_and_nothing_is_out_of_bounds(lines: list[str]) -> None:
    seen = read_disk_output(lines)
    assert all(0 <= found.percent <= 100 and found.used_bytes <= max(found.size_bytes, 0) for found in seen.mounts)
    assert all(found.used_bytes >= 0 and found.path.startswith("/") for found in seen.measured)
    assert not any("\x00" in found.path for found in seen.measured)


@given(st.one_of(st.none(), st.integers(), st.binary(), st.lists(st.text())))
def test_what_is_no_text_has_no_lines(value: object) -> None:
    assert lines_of(value) == []


@pytest.mark.parametrize(
    "unit", ["9" * 1000, "/a" * 500, "9% ", "/dev/sda1 1G ", "crictl 1 ", "\n", "1 total" + " " * 99]
)
def test_a_megabyte_of_anything_is_read_in_no_time(unit: str) -> None:
    text = unit * (2**20 // len(unit))
    began = time.process_time()
    read_disk_output(lines_of(text))
    read_disk_output([text])
    assert time.process_time() - began < 5
