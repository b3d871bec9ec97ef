import pytest

from picker.config import Config, VoteSettings

PARTICLES = [{"name": "ribosome", "radius": 120}]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"methods": {"yolo": 1}}, "methods names yolo; expected some of"),
        ({"methods": {"vote": 1}}, "methods names vote"),
        ({"methods": {}}, "at least 1 item"),
        ({"methods": {"vnet": 0}}, "greater than 0"),
        ({"methods": {"vnet": 1}, "imported": {"x": "a"}}, "imported has x, which"),
        ({"methods": {"vnet": 1}, "min_methods": 2}, "there are 1 members"),
        ({"methods": {"vnet": 1}, "imported": {"fpn": "a"}}, "fpn is a method"),
        ({"methods": {"x": 1}, "imported": {"x": "a{b}"}}, "has a brace"),
    ],
)
def test_members_that_cannot_vote_are_refused(given, said):
    with pytest.raises(ValueError, match=said):
        VoteSettings.model_validate(given)


def test_what_members_need_is_checked_if_they_vote():
    needs = {"particles": PARTICLES, "vote": {"methods": {"template": 1}}}
    assert Config.model_validate(needs).finding("vote") == ("template",)
    alone = {"methods": {"x": 1}, "imported": {"x": "picks"}}
    compared = {"particles": PARTICLES, "benchmark": {"methods": ["vote"]}}
    assert Config.model_validate(compared)
    with pytest.raises(ValueError, match="names imported picks alone"):
        Config.model_validate(compared | {"vote": alone})
    with pytest.raises(ValueError, match="method template needs a density map"):
        Config.model_validate(needs | {"method": "vote"})
    taught = {"particles": PARTICLES, "vote": {"methods": {"self_trained": 1}}}
    with pytest.raises(ValueError, match="self_trained learns from proposals and"):
        Config.model_validate(taught | {"method": "vote"})
    small = {"particles": PARTICLES, "predict": {"window_zyx": [24, 24, 24]}}
    small |= {"model": {"preset": "small"}, "vote": {"methods": {"vnet": 1}}}
    assert Config.model_validate(small)
    with pytest.raises(ValueError, match="need at least 32 voxels"):
        Config.model_validate(small | {"method": "vote"})


def test_steps_name_known_classes_and_offsets_are_for_kaggle_alone():
    given = {"particles": PARTICLES}
    for pick in ({"contrast": {"least": {"x": 1}}}, {"offsets": {"particles": ["x"]}}):
        with pytest.raises(ValueError, match=r"pick\.\w+\.\w+ names x; expected"):
            Config.model_validate(given | {"pick": pick})
    given["pick"] = {"offsets": {"particles": ["ribosome"]}}
    with pytest.raises(ValueError, match=r"what relion5.* export.targets: \[kaggle"):
        Config.model_validate(given)
    Config.model_validate(given | {"export": {"targets": ["kaggle"]}})
