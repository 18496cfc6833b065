"""Pull, push and a push of nothing, against rclone driven by hand, s5cmd and the AWS command line."""

import json
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measuring import CHECKOUT, Contender, Row, in_turn, ratio, run_command, seconds
from tests.support.s3_server import S3Server, rclone_binary, s3_server

PEERS = CHECKOUT / ".tools" / "bench" / "bin"
TUNINGS = (("8", "16"), ("16", "32"), ("32", "64"))
"""Transfers and checkers tried for the hand-tuned rclone; the best of them is the peer."""
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Case:
    """Files to move: how many, how large."""

    name: str
    count: int
    size: int

    def fill(self, folder: Path) -> None:
        block = os.urandom(min(self.size, 2**20))
        for number in range(self.count):
            path = folder / f"{number // 1000}" / f"{number}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                for start in range(0, self.size, len(block)):
                    file.write(number.to_bytes(8, "big") + block[8 : min(len(block), self.size - start)])


CASES = {
    "quick": (Case("2 000 × 64 KiB", 2000, 2**16), Case("2 × 256 MiB", 2, 2**28)),
    "full": (Case("10 000 × 64 KiB", 10_000, 2**16), Case("4 × 1 GiB", 4, 2**30)),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A server, a folder of files, and an empty folder for each contender."""

    server: S3Server
    root: Path
    source: Path

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.server.access_key,
            "AWS_SECRET_ACCESS_KEY": self.server.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "RCLONE_CONFIG_T_TYPE": "s3",
            "RCLONE_CONFIG_T_PROVIDER": "Other",
            "RCLONE_CONFIG_T_ENDPOINT": self.server.endpoint,
            "RCLONE_CONFIG_T_ACCESS_KEY_ID": self.server.access_key,
            "RCLONE_CONFIG_T_SECRET_ACCESS_KEY": self.server.secret_key,
            "RCLONE_CONFIG": os.devnull,
        }

    def sync_job(self, direction: str, bucket: str, home: Path) -> list[str]:
        """Write a job and return the data sync's command."""
        volume = {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, bucket)),
            "mountPath": "/workspace/data",
            "path": str(home),
            "permission": "RW",
            "source": {
                "type": "s3",
                "alias": "BENCH",
                "endpoint": self.server.endpoint,
                "region": "us-east-1",
                "accessKey": self.server.access_key,
                "secretKey": self.server.secret_key,
                "container": bucket,
            },
        }
        job = {
            "id": str(uuid.uuid4()),
            "direction": direction,
            "notebook": str(uuid.uuid4()),
            "volumes": [volume],
            "stateFolder": str(home.with_suffix(".state")),
        }
        path = self.root / f"{job['id']}.json"
        path.write_text(json.dumps(job))
        path.chmod(0o600)
        home.with_suffix(".state").mkdir(exist_ok=True)
        return [sys.executable, "-m", "ovh_spawner.datasync", str(path)]


def _empty(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(path.with_suffix(".state"), ignore_errors=True)
    path.mkdir(parents=True)


def _rclone(place: Place, tuning: tuple[str, str], *paths: str) -> None:
    flags = ["--transfers", tuning[0], "--checkers", tuning[1], "--fast-list", "--s3-no-check-bucket"]
    run_command([rclone_binary(), "copy", *flags, *paths], place.environment())


def _peers(place: Place, source: str, target: str) -> list[tuple[str, list[str]]]:
    found = []
    if (PEERS / "s5cmd").exists():
        endpoint = ["--endpoint-url", place.server.endpoint]
        end = source if source.startswith("s3:") else source + "/"
        command = [
            str(PEERS / "s5cmd"),
            *endpoint,
            "cp",
            end + ("/*" if source.startswith("s3:") else ""),
            target + "/",
        ]
        found.append(("s5cmd cp", command))
    if (PEERS / "aws").exists():
        command = [str(PEERS / "aws"), "--endpoint-url", place.server.endpoint, "s3", "sync", "--no-progress"]
        found.append(("aws s3 sync", [*command, source, target]))
    return found


def _pulls(place: Place) -> list[Contender]:
    def target(name: str) -> Path:
        return place.root / f"pull-{name}"

    ours = Contender(
        "ours",
        lambda: run_command(place.sync_job("pull", "source", target("ours"))),
        lambda: _empty(target("ours")),
    )
    tuned = [
        Contender(
            f"rclone copy ({t[0]} transfers)",
            lambda t=t: _rclone(place, t, "t:source", str(target("rclone"))),
            lambda: _empty(target("rclone")),
        )
        for t in TUNINGS
    ]
    others = [
        Contender(
            name,
            lambda command=command: run_command(command, place.environment()),
            lambda: _empty(target("peer")),
        )
        for name, command in _peers(place, "s3://source", str(target("peer")))
    ]
    return [ours, *tuned, *others]


class Bucket:
    """An empty bucket for each round, under a new name: the server remembers what an old one held."""

    def __init__(self, server: S3Server, stem: str) -> None:
        self._server = server
        self._stem = stem
        self._round = 0

    @property
    def name(self) -> str:
        return f"{self._stem}-{self._round}"

    def renew(self) -> None:
        shutil.rmtree(self._server.folder / self.name, ignore_errors=True)
        self._round += 1
        self._server.create_bucket(self.name)


def _pushes(place: Place, ours: Bucket, theirs: Bucket) -> list[Contender]:
    def forget() -> None:
        ours.renew()
        shutil.rmtree(place.source.with_suffix(".state"), ignore_errors=True)

    own = Contender("ours", lambda: run_command(place.sync_job("push", ours.name, place.source)), forget)
    tuned = [
        Contender(
            f"rclone copy ({t[0]} transfers)",
            lambda t=t: _rclone(place, t, str(place.source), f"t:{theirs.name}"),
            theirs.renew,
        )
        for t in TUNINGS
    ]
    others = [
        Contender(
            name,
            lambda number=number: run_command(
                _peers(place, str(place.source), f"s3://{theirs.name}")[number][1], place.environment()
            ),
            theirs.renew,
        )
        for number, (name, _command) in enumerate(_peers(place, str(place.source), ""))
    ]
    return [own, *tuned, *others]


def _unchanged(place: Place, ours: Bucket, theirs: Bucket) -> list[Contender]:
    """A second push and a second ``rclone sync`` of the same files."""
    flags = ["--transfers", "16", "--checkers", "32", "--fast-list"]
    return [
        Contender("ours", lambda: run_command(place.sync_job("push", ours.name, place.source))),
        Contender(
            "rclone sync",
            lambda: run_command(
                [rclone_binary(), "sync", *flags, str(place.source), f"t:{theirs.name}"], place.environment()
            ),
        ),
    ]


@contextmanager
def _place(case: Case) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        root = Path(name)
        source = root / "files"
        case.fill(source)
        shutil.copytree(source, root / "s3" / "source")
        with s3_server(root) as server:
            yield Place(server, root, source)


def _rows(what: str, times: dict[str, list[float]], goals: dict[str, str]) -> list[Row]:
    ours = times.pop("ours")
    rclones = {n: t for n, t in times.items() if n.startswith("rclone copy")}
    shown = {n: t for n, t in times.items() if n not in rclones}
    if rclones:
        best = min(rclones, key=lambda n: sum(rclones[n]))
        shown = {f"the best of hand-tuned rclone: {best}": rclones[best], **shown}
    return [
        Row(
            what=what,
            peer=name,
            ratio=ratio(ours, theirs),
            goal=next((g for start, g in goals.items() if start in name), ""),
            details=f"{seconds(ours)} against {seconds(theirs)}",
        )
        for name, theirs in shown.items()
    ]


GOALS = {"hand-tuned": "≤ 1.05", "aws": "< 1", "s5cmd": "≤ 1", "rclone sync": "≤ 0.5"}


def measure(scale: str) -> list[Row]:
    """Compare the data sync with its peers."""
    rows: list[Row] = []
    for case in CASES[scale]:
        with _place(case) as place:
            rows += _rows(f"pull of {case.name}", in_turn(_pulls(place), ROUNDS), GOALS)
            ours, theirs = Bucket(place.server, "ours"), Bucket(place.server, "theirs")
            rows += _rows(f"push of {case.name}", in_turn(_pushes(place, ours, theirs), ROUNDS), GOALS)
            if case.count > 100:  # noqa: PLR2004 - what is compared is listing, not moving
                rows += _rows(
                    f"push of {case.name}, nothing changed",
                    in_turn(_unchanged(place, ours, theirs), ROUNDS),
                    GOALS,
                )
    return rows
