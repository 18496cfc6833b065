"""A data sync that moves nothing: says what it would, and fails or dawdles as the volumes' names ask."""

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path


def main() -> None:
    job_file, report_file = Path(sys.argv[1]), Path(sys.argv[3])
    job = json.loads(job_file.read_text())
    mode = job_file.stat().st_mode & 0o777
    job_file.unlink()
    names = [v["source"].get("container") or v["source"].get("url") for v in job["volumes"]]

    def volumes(share: float, state: str) -> list[dict]:
        total = 3_400_000_000
        return [
            {
                "volume": v["id"],
                "mountPath": v["mountPath"],
                "info": name,
                "state": "NOT_FOUND" if name == "missing" and state == "DONE" else state,
                "transferredBytes": 0 if v["source"]["type"] == "git" else int(total * share),
                "totalBytes": 0 if v["source"]["type"] == "git" else total,
                "message": f"There is no bucket {name!r}." if name == "missing" and state == "DONE" else "",
            }
            for v, name in zip(job["volumes"], names, strict=True)
        ]

    def say(share: float, state: str) -> None:
        line = {"job": job["id"], "at": datetime.now(UTC).isoformat(), "volumes": volumes(share, state)}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    Path("seen-pull.json").write_text(
        json.dumps({"mode": mode, "environment": dict(os.environ), "pid": os.getpid(), "job": job})
    )
    say(1.2 / 3.4, "RUNNING")
    while "slow" in names:
        time.sleep(0.05)
    if "broken" in names:
        sys.exit(3)
    say(1.0, "DONE")
    now = datetime.now(UTC).isoformat()
    state = "FAILED" if "missing" in names else "DONE"
    report = {"job": job["id"], "state": state, "startedAt": now, "endedAt": now, "message": ""}
    report_file.write_text(json.dumps({**report, "volumes": volumes(1.0, "DONE")}))
    sys.exit(0 if state == "DONE" else 1)


if __name__ == "__main__":
    main()
