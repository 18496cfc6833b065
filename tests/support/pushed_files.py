"""A dozen files that tests push into the misbehaving store, and what must hold whatever happens to them."""

KIBIBYTE = 1024
FILES = {f"{n % 3}/file {n}": bytes([n]) * (40 + n) * KIBIBYTE for n in range(12)}


def write(notebook, files) -> None:
    for name, content in files.items():
        path = notebook.home / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def local(notebook) -> dict[str, bytes]:
    data = notebook.home / "data"
    return {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()}


def assert_nothing_lost(notebook, odd_s3) -> None:
    """Whatever happened: the notebook has its files, the store nothing half, and nothing was deleted there."""
    assert local(notebook) == FILES
    kept = odd_s3.objects.get("bucket", {})
    assert {name: content for name, content in kept.items() if name in FILES and content != FILES[name]} == {}
    assert {"gone", "theirs"} <= set(kept)


def assert_finished(notebook, odd_s3, volume) -> None:
    """The next push brings everything and only then deletes."""
    pushed = notebook.push(volume).done()
    assert odd_s3.objects["bucket"] == {**FILES, "theirs": b"by another"}
    assert (pushed.deleted, pushed.skipped_files) == (1, [])
