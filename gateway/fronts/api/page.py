"""The built page: static files, index.html for `/` and desktop.html for `/desktop`.

The page's own paths are after `#`. A desktop is a document of its own because its policy is (`headers.DESKTOP_POLICY`).
"""

from __future__ import annotations

from os import PathLike, stat_result
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from gateway.fronts.api.headers import DESKTOP

NOT_BUILT = (
    "The page of this gateway has not been built. The API answers under /api/v1.\n"
    "To build the page: make page (it needs Node; see README.md).\n"
)


class _Hashed(StaticFiles):
    """Files whose name holds a digest of their content: they never change."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer


def install(app: FastAPI, folder: Path | None, *, desktops: bool) -> None:
    """Serve what is in `folder`, or say that it has not been built. Both doors have the page, one has desktops."""

    def document(name: str) -> Response:
        if folder is None or not (folder / name).is_file():
            return PlainTextResponse(NOT_BUILT, 503)
        return FileResponse(folder / name, headers={"Cache-Control": "no-cache"})

    @app.get("/", include_in_schema=False)
    async def start() -> Response:
        return document("index.html")

    if desktops:

        @app.get(DESKTOP, include_in_schema=False)
        async def desktop() -> Response:
            return document("desktop.html")

    if folder is not None and (folder / "assets").is_dir():
        app.mount("/assets", _Hashed(directory=folder / "assets", follow_symlink=False))
