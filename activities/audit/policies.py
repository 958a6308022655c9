"""Every change of the policy as a record with who made it, whoever made it and however.

The policy is a file that the agent only reads, so a change is noticed, not told: by the ledger's process every few
seconds, and before every reservation and every look at how things stand. `byteport policy` leaves a note in the file;
a note that is not about the content it stands in, or that was counted before, is nobody's.
"""

from __future__ import annotations

import json

from activities.audit.about_agent import agent_draft
from activities.kubernetes.policy_source import PolicySource
from byteport.contracts.ledger import Event, Recorded
from byteport.contracts.workflows import Installation
from byteport.domain.policy import PolicyConfig, plain_settings
from byteport.errors import Unavailable
from byteport.ledger.append import append
from byteport.ledger.store import Store, Transaction

SOMEBODY = "somebody who edited the file"


class PolicyChanges:
    """Notices changes of one installation's policy. Several processes may: each change is recorded once."""

    def __init__(self, store: Store, installation: Installation, policy: PolicySource) -> None:
        self._store = store
        self._installation = installation
        self._policy = policy
        self._noted = ""

    def notice(self) -> Recorded | None:
        """Record the change since the last time, if there is one.

        The first policy that a ledger ever sees is where it begins, and no change. A file that cannot be read is not a
        policy: nothing is done under it, and nothing is recorded. Raises `Unavailable` when the ledger does not answer.
        """
        policy = self._read()
        if policy is None or policy.version == self._noted:
            return None
        with self._store.transaction() as tx:
            policy = self._read()  # again: another process may have noted a later one meanwhile
            recorded = self._note(tx, policy) if policy is not None else None
        if policy is not None:
            self._noted = policy.version
        return recorded

    def _note(self, tx: Transaction, policy: PolicyConfig) -> Recorded | None:
        uid, version = self._installation.cluster_uid, policy.version
        row = tx.sql.execute(
            "SELECT version, content, note, changes FROM policies WHERE cluster_uid = ?", (uid,)
        ).fetchone()
        if row is not None and row["version"] == version:
            return None
        note, used = _note_of(policy), row["note"] if row is not None else ""
        number = row["changes"] + 1 if row is not None else 0
        tx.sql.execute(
            "INSERT INTO policies (version, content, note, changes, cluster_uid) VALUES (?, ?, ?, ?, ?)"
            if row is None
            else "UPDATE policies SET version = ?, content = ?, note = ?, changes = ? WHERE cluster_uid = ?",
            (version, _content(policy), note or used, number, uid),
        )
        if row is None:
            return None
        told = bool(note) and note != used
        reason = f"; {policy.change_reason}" if told and policy.change_reason else ""
        draft = agent_draft(
            tx,
            self._installation,
            Event.POLICY_CHANGED,
            command=None,
            by=policy.changed_by if told else SOMEBODY,
            note=f"{_difference(row['content'], policy)}{reason}",
            key=f"policy:{number}:{version}",
        )
        return append(tx, draft)

    def _read(self) -> PolicyConfig | None:
        """None when it cannot be read as a policy."""
        try:
            return self._policy.read()
        except Unavailable:
            return None


def _note_of(policy: PolicyConfig) -> str:
    """Which note stands in the file, if it is about this content."""
    if not policy.changed_by or policy.changed_at is None or policy.changed_to != policy.version:
        return ""
    return f"{policy.changed_at.isoformat()} {policy.changed_by}"


def _content(policy: PolicyConfig) -> str:
    return json.dumps(plain_settings(policy), sort_keys=True)


def _difference(before: str, policy: PolicyConfig) -> str:
    """The settings that are not what they were, by name, with their values where these are single words."""
    earlier, later = json.loads(before), plain_settings(policy)
    changed = sorted(name for name in later if later[name] != earlier.get(name))
    return "changed " + ", ".join(
        name if isinstance(later[name], list | dict) else f"{name} to {later[name]}" for name in changed
    )
