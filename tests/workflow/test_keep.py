"""Whether copies of tomograms that train nothing are kept changes no result."""


def content(project, pattern):
    folder = project.path("semietpicker")
    return {path.name: path.read_bytes() for path in folder.glob(pattern)}


def times(project, pattern):
    paths = project.path("semietpicker").glob(pattern)
    return {path: path.stat().st_mtime_ns for path in paths}


def kept(project):
    return sorted(path.name for path in project.path("tomograms").iterdir())


def test_with_or_without_copies_nothing_is_trained_again_and_found_otherwise(copy):
    trained = [f"sim_00{i}.zarr" for i in range(4)]
    assert kept(copy) == [*trained, "sim_004.json"]
    before = content(copy, "picks/*.star"), times(copy, "candidates/*.star")
    assert len(before[0]) == 5
    for keep in ("all", "trained"):
        copy.change("preprocess", keep=keep)
        copy.succeed("--until", "pick")
        assert kept(copy) == [*trained, "sim_004.zarr"]
        after = content(copy, "picks/*.star"), times(copy, "candidates/*.star")
        assert after == before
        for stage in ("burn_in", "co_train"):
            log = copy.path("logs", "semietpicker", f"{stage}.log").read_text()
            assert f"{stage} resumes at step" in log
            assert "starts again" not in log
    # What it was predicted on before was made of its file; now it is a stored volume.
    copy.path("semietpicker", "candidates", "sim_004.star").unlink()
    copy.succeed("--until", "pick")
    assert content(copy, "picks/*.star") == before[0]


def test_a_deleted_recipe_is_made_again_and_nothing_is_found_again(copy):
    recipe = copy.path("tomograms", "sim_004.json")
    before, candidates = recipe.read_text(), times(copy, "candidates/*.star")
    recipe.unlink()
    assert "preprocess" in copy.jobs()
    copy.succeed()
    assert recipe.read_text() == before
    assert times(copy, "candidates/*.star") == candidates
    assert copy.jobs() == set()
