"""What can be set of the postmortems of closed incidents: whether they are filed, and where."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from byteport.contracts.postmortems import GitHubConfig, PostmortemTarget
from byteport.contracts.receiver_addresses import ProxyUrl


class PostmortemConfig(BaseModel):
    """The postmortem of every closed incident."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: PostmortemTarget | None = None
    """`file` or `github`. Default: none; nothing is written. It holds for incidents that begin from then on."""
    folder: Path | None = None
    """Folder of `file`: one Markdown file per incident. Default: `postmortems` in the state directory."""
    github: GitHubConfig = GitHubConfig()
    ca_file: Path | None = None
    """PEM of authorities that signed the certificate of `github.api`, besides those that the system trusts. There is no
    setting by which a certificate would not be verified."""
    proxy: ProxyUrl | None = None
    """Proxy that opens tunnels (CONNECT) to `github.api`. Default: none; the environment's is not taken."""

    @model_validator(mode="after")
    def _github_is_complete(self) -> PostmortemConfig:
        if self.target is PostmortemTarget.GITHUB:
            for key in ("repository", "token"):
                if getattr(self.github, key) is None:
                    raise ValueError(f"postmortem.github.{key} must be set where postmortem.target is github")
        return self
