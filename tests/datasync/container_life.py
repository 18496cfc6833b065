"""The life of a container, the same on every real server: created, filled, read, changed, emptied, read again."""

from ovh_spawner.domain.volumes import Permission


def check_the_life_of_a_container(notebook, store):
    """Push to and pull from a container that is not there yet, and check what is moved each time."""
    volume = notebook.volume(store, Permission.RWD)
    notebook.pull(volume).done()
    data = notebook.home / "data"
    (data / "d").mkdir()
    for name in ("a", "b", "d/ü c", "line\nfeed"):
        (data / name).write_text(name)
    assert notebook.push(volume).done().completed == 4
    assert notebook.push(volume).done().completed == 0
    reader = notebook.volume(store, Permission.RO, at="reader")
    assert notebook.pull(reader).done().completed == 4
    assert notebook.pull(reader).done().completed == 0
    assert (notebook.home / "reader/d/ü c").read_text() == "d/ü c"
    (data / "a").unlink()
    (data / "b").write_text("changed")

    pushed = notebook.push(volume).done()

    assert (pushed.completed, pushed.deleted) == (1, 1)
    again = notebook.volume(store, Permission.RO, at="again")
    notebook.pull(again).done()
    names = sorted(path.name for path in (notebook.home / "again").rglob("*"))
    assert names == ["b", "d", "line\nfeed", "ü c"]
    assert (notebook.home / "again/b").read_text() == "changed"
