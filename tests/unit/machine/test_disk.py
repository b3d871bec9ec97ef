from pathlib import Path

from picker.machine import disk


def test_all_of_a_file_or_a_folder_is_read(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for i, name in enumerate(("one", "a/two", "a/b/three")):
        (tmp_path / name).write_bytes(bytes(10 + i))
    left, opened = {}, Path.open

    def kept(path, *arguments, **options):
        left[path.name] = opened(path, *arguments, **options)
        return Left(left[path.name], left, path.name)

    monkeypatch.setattr(disk, "BLOCK", 4)
    monkeypatch.setattr(Path, "open", kept)
    disk.read_into_cache(tmp_path)
    assert left == {"one": 10, "two": 11, "three": 12}
    left.clear()
    disk.read_into_cache(tmp_path / "one")
    assert left == {"one": 10}


class Left:
    """A file that notes how far it was read when it is closed."""

    def __init__(self, file, noted, name):
        self.file, self.noted, self.name = file, noted, name

    def __enter__(self):
        return self.file

    def __exit__(self, *error):
        self.noted[self.name] = self.file.tell()
        self.file.close()
