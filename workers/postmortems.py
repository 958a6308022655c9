"""Wires where postmortems are filed, as the settings say; where they say nothing, nothing is filed and no secret is read.

Comes beside `wiring.py`, which asks here.
"""

from __future__ import annotations

from activities.clock import Clock
from activities.postmortem.file import Folder
from activities.postmortem.filing import Place, Postmortems
from activities.postmortem.github import Issues, Reach
from activities.secrets.reading import chosen
from byteport.contracts.postmortems import PostmortemTarget
from byteport.errors import ConfigError
from byteport.settings import Settings


def postmortems(settings: Settings, clock: Clock) -> Postmortems:
    """What the queue `notify` serves of them. Raises `ConfigError` for settings that cannot be used."""
    return Postmortems(_place(settings, clock))


def _place(settings: Settings, clock: Clock) -> Place | None:
    config = settings.postmortem
    match config.target:
        case PostmortemTarget.FILE:
            if config.folder is None:
                raise ConfigError("postmortem.folder", "must be set")
            return Folder(config.folder)
        case PostmortemTarget.GITHUB:
            return Issues(config.github, chosen(settings.secret, clock), Reach(config.ca_file, config.proxy, clock))
        case None:
            return None
