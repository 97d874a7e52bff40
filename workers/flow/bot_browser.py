"""The browser of a bot: as its config.yaml wants it, with the cookies that were uploaded for it."""

from workers.flow import storage_state
from workers.flow.browser import Browser, BrowserSettings
from workers.flow.errors import ConfigInvalid
from workers.flow.graph import Settings
from workers.flow.host import Host
from workers.flow.job_folder import JobFolder
from workers.flow.storage_state import StorageState


def bot_browser(host: Host, folder: JobFolder, settings: Settings) -> Browser:
    """Return the browser of a bot; nothing is started yet."""
    wanted = BrowserSettings(
        headless=settings.headless,
        timezone=settings.timezone,
        locale=settings.locale,
        viewport=settings.viewport,
        trace="snapshots" if settings.trace_snapshots else "actions",
    )
    return Browser(host, folder, wanted, lambda: _uploaded(folder, settings.cookies_path))


def _uploaded(folder: JobFolder, cookies_path: str) -> StorageState | None:
    try:
        return storage_state.parse(folder.inside(cookies_path).read_bytes())
    except FileNotFoundError:
        if cookies_path != Settings().cookies_path:
            raise ConfigInvalid(f"the cookies file {cookies_path!r} is not there") from None
        return None  # nothing was uploaded; not every bot needs to be logged in
    except OSError as error:
        raise ConfigInvalid(f"the cookies file cannot be read: {error.strerror}") from error
