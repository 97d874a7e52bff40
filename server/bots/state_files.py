"""The files in state/: what a bot wants to find again in its next run. The worker sends them when a run is over.

They gather in a folder beside it, which takes its place as a whole, so a call that breaks off changes nothing.
All functions block; callers run them off the loop.
"""

import secrets
from typing import Final

from server.bots.tenant_folder import STATE_FOLDER, Draft, TenantFolder, relative_parts
from server.errors import InvalidArgument, TooLarge
from switchyard.bots.v1.bot_worker_service_pb2 import SaveStateRequest

# Source: the comments of `BotWorkerService.SaveState` and `SaveStateRequest.Piece`.
MAX_FILES: Final = 1000
MAX_BYTES: Final = 64 * 1024 * 1024
MAX_PIECE_BYTES: Final = 1024 * 1024
MAX_PATH_CHARACTERS: Final = 500

_GATHERING: Final = ".state-"


class StateFiles:
    """Takes the files of one run. Used up by `complete` or by `discard`."""

    def __init__(self, folder: TenantFolder) -> None:
        """Begin to gather files. What an earlier call left unfinished goes: a lease has one holder.

        Raises:
            NotFound: the instance's folder is gone.
        """
        self._folder = folder
        self._gathering = _GATHERING + secrets.token_hex(8)
        self._left_bytes = MAX_BYTES
        self._count = 0
        self._draft: Draft | None = None
        self._path = ""
        folder.remove_folders(_GATHERING)
        folder.make_folder(self._gathering)

    def take(self, piece: SaveStateRequest.Piece) -> None:
        """Write the next piece.

        Raises:
            InvalidArgument: it is out of bounds, or does not follow a piece of its file.
            PathRefused: its path leads out of state/, or over another file.
            TooLarge: there are more files or bytes than allowed.
        """
        if len(piece.data) > MAX_PIECE_BYTES:
            raise InvalidArgument.field("piece.data", "must have at most 1 MiB in one message")
        if piece.first:
            self._commit()
            self._begin(piece.path)
        if self._draft is None or piece.path != self._path:
            raise InvalidArgument.field("piece.first", "must be set in the first piece of a file")
        self._left_bytes -= len(piece.data)
        if self._left_bytes < 0:
            raise TooLarge(f"the files of {STATE_FOLDER}/ must have at most {MAX_BYTES >> 20} MiB together")
        self._draft.write(piece.data)

    def complete(self) -> None:
        """Make what was taken the content of state/."""
        self._commit()
        self._folder.replace_folder(STATE_FOLDER, self._gathering)

    def discard(self) -> None:
        """Forget what was taken."""
        draft, self._draft = self._draft, None
        if draft is not None:
            draft.discard()
        self._folder.remove_folders(self._gathering)

    def _begin(self, path: str) -> None:
        if len(path) > MAX_PATH_CHARACTERS:
            raise InvalidArgument.field("piece.path", f"must have at most {MAX_PATH_CHARACTERS} characters")
        if self._count == MAX_FILES:
            raise TooLarge(f"{STATE_FOLDER}/ must hold at most {MAX_FILES} files")
        self._count += 1
        self._draft = self._folder.draft("/".join((self._gathering, *relative_parts(path))))
        self._path = path

    def _commit(self) -> None:
        draft, self._draft = self._draft, None
        if draft is not None:
            draft.commit()
