"""Every route of the door, in one list. A further sender has a file of its own with a router, and a line here."""

from __future__ import annotations

from fastapi import APIRouter

from byteport.alerts import alertmanager, answered, sns

ROUTERS: tuple[APIRouter, ...] = (alertmanager.router, sns.router, answered.router)
