"""What the reference promises is what the program has: the settings are generated from the models."""

from byteport.settings.catalogue import catalogue, markdown
from tests.house.tree import ROOT


def test_the_reference_of_settings_is_what_the_models_say() -> None:
    """Write it again with: byteport doctor --settings --markdown > docs/reference/settings.md"""
    assert (ROOT / "docs" / "reference" / "settings.md").read_text() == markdown()


def test_every_setting_says_what_it_means() -> None:
    assert [setting.key for setting in catalogue() if not setting.meaning] == []
