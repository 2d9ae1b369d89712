"""The page's files: those that were built, and nothing else of the disk."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gateway.fronts.api.app import create_app
from gateway.fronts.api.services import Door
from tests.api.site import HERE, HOST, Site


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Sluicegate</title>")
    (folder / "assets" / "index-abc123.js").write_text("export {}")
    (tmp_path / "secret.txt").write_text("canary")
    (folder / "assets" / "way-out").symlink_to(tmp_path / "secret.txt")
    return folder


def client(site: Site, folder: Path | None, door: Door = Door.PEOPLE) -> httpx.AsyncClient:
    about = replace(site.services.site, pages=folder)
    app = create_app(replace(site.services, site=about), door)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(HERE, 1))
    return httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}")


async def test_the_page_and_its_hashed_files_are_served(site: Site, dist: Path) -> None:
    async with client(site, dist) as browser:
        page = await browser.get("/")
        assert "Sluicegate" in page.text
        assert page.headers["cache-control"] == "no-cache"
        script = await browser.get("/assets/index-abc123.js")
        assert script.headers["content-type"].startswith("text/javascript")
        assert "immutable" in script.headers["cache-control"]
        assert script.headers["content-security-policy"].startswith("default-src 'none'")


async def test_webassembly_runs_in_the_page_of_a_desktop_and_nowhere_else_60(site: Site, dist: Path) -> None:
    (dist / "desktop.html").write_text("<!doctype html><title>Desktop</title>")
    async with client(site, dist) as browser:
        desktop = await browser.get("/desktop")
        assert "Desktop" in desktop.text
        policy = desktop.headers["content-security-policy"]
        assert "script-src 'self' 'wasm-unsafe-eval';" in policy
        assert policy.count("unsafe") == 1
        for path in ("/", "/desktop/", "/desktop.html", "/assets/index-abc123.js", "/api/v1/desktop"):
            assert "unsafe" not in (await browser.get(path)).headers["content-security-policy"], path


@pytest.mark.parametrize("path", [
    "/assets/../../secret.txt", "/assets/..%2f..%2fsecret.txt", "/assets/%2e%2e/%2e%2e/secret.txt", "/assets/way-out",
    "/assets//etc/passwd", "/secret.txt", "/assets/", "/assets/%00",
])  # fmt: skip
async def test_nothing_beside_the_page_is_read_52(site: Site, dist: Path, path: str) -> None:
    async with client(site, dist) as browser:
        answer = await browser.get(httpx.URL(f"https://{HOST}").copy_with(raw_path=path.encode()))
        assert answer.status_code in {404, 405}
        assert "canary" not in answer.text


@pytest.mark.parametrize("folder", [None, Path("/nowhere")])
async def test_a_page_that_was_not_built_says_so(site: Site, folder: Path | None) -> None:
    async with client(site, folder) as browser:
        answer = await browser.get("/")
        assert answer.status_code == 503
        assert "has not been built" in answer.text


async def test_the_admin_door_serves_the_page_under_the_same_policy_and_no_desktops(site: Site, dist: Path) -> None:
    async with client(site, dist, Door.ADMIN) as browser, client(site, dist) as people:
        page, other = await browser.get("/"), await people.get("/")
        assert (page.status_code, page.text) == (200, other.text)
        assert page.headers["content-security-policy"] == other.headers["content-security-policy"]
        assert (await browser.get("/assets/index-abc123.js")).status_code == 200
        assert (await browser.get("/desktop")).status_code == 404
