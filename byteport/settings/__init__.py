"""Every setting of an installation, from one YAML file and the environment; one clear line when one of them is wrong.

It composes the config models that the rooms own. The file is the one that `--config` or `BYTEPORT_CONFIG` names, else
`.byteport/config.yaml` in the working directory, which `byteport sandbox up` writes. Each setting is also an
environment variable, its path in capitals: `temporal.address` is `BYTEPORT_TEMPORAL_ADDRESS`, which wins over the file.
The policy is not here but in a file of its own (`policy_file`), because it is read afresh at every act.
"""

from byteport.settings.installation import installation, remember
from byteport.settings.load import load
from byteport.settings.model import Settings

__all__ = ["Settings", "installation", "load", "remember"]
