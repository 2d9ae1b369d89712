"""The two WebSockets."""

from fastapi import APIRouter

router = APIRouter(tags=["live"])


class Connections:
    def end(self, token: str) -> None: ...
