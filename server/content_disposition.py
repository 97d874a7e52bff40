"""The header that names a downloaded file. Pure."""

from urllib.parse import quote


def attachment(name: str) -> str:
    """Return the Content-Disposition of a download called `name`.

    RFC 6266 section 4.3: `filename*` carries any name in UTF-8, `filename` an ASCII stand-in for old readers.
    """
    plain = "".join(character if " " <= character <= "~" and character not in '"\\%' else "_" for character in name)
    if plain == name:
        return f'attachment; filename="{name}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
