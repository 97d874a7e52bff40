"""The file service's side of the API: what concerns shares as a whole.

Source: https://learn.microsoft.com/rest/api/storageservices/file-service-rest-api
"""

from typing import Final
from xml.sax.saxutils import escape

from aiohttp import web

from tests.clouds.azure.cloud import ACCOUNT, PAGE, Cloud, Share
from tests.clouds.azure.faults import Refusal

# As the address has it that names no host of its own for the account.
ACCOUNT_PATH: Final = f"/{ACCOUNT}"
_CHANGED: Final = {"ETag": '"0x8D4BCC2E4835CD0"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
_METADATA: Final = "x-ms-meta-"


class FileService:
    """Answers what concerns the shares of `cloud`."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def routes(self) -> list[web.RouteDef]:
        """Return all routes; the name of each is its step."""
        share = f"{ACCOUNT_PATH}/{{share}}"
        return [
            web.get(f"{ACCOUNT_PATH}/", self._list, name="list-shares"),
            web.put(share, self._create, name="create-share"),
            web.get(share, self._get, name="get-share"),
            web.delete(share, self._delete, name="delete-share"),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        prefix, marker = request.query.get("prefix", ""), request.query.get("marker", "")
        names = sorted(name for name in self._cloud.shares if name.startswith(prefix) and name >= marker)
        shares = "".join(_share_xml(self._cloud.shares[name]) for name in names[:PAGE])
        following = names[PAGE] if len(names) > PAGE else ""
        return web.Response(
            text=f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="{request.url.origin()}">'
            f"<Shares>{shares}</Shares><NextMarker>{following}</NextMarker></EnumerationResults>",
            content_type="application/xml",
        )

    async def _create(self, request: web.Request) -> web.Response:
        name = request.match_info["share"]
        if name in self._cloud.shares:
            raise Refusal(409, "ShareAlreadyExists", "The specified share already exists.")
        metadata = {
            key.lower().removeprefix(_METADATA): value
            for key, value in request.headers.items()
            if key.lower().startswith(_METADATA)
        }
        self._cloud.shares[name] = Share(name, int(request.headers["x-ms-share-quota"]), metadata)
        return web.Response(status=201, headers=_CHANGED)

    async def _get(self, request: web.Request) -> web.Response:
        share = self._find(request)
        metadata = {f"{_METADATA}{key}": value for key, value in share.metadata.items()}
        return web.Response(headers={**_CHANGED, **metadata, "x-ms-share-quota": str(share.quota_gb)})

    async def _delete(self, request: web.Request) -> web.Response:
        share = self._find(request)
        mounted = (volume for group in self._cloud.groups.values() for volume in group.body["properties"]["volumes"])
        if any(volume["azureFile"]["shareName"] == share.name for volume in mounted):
            # The real service lets it happen, and the files go from under whoever uses them.
            raise Refusal(409, "FilesAreUsed", "A container group has mounted the share.")
        del self._cloud.shares[share.name]
        return web.Response(status=202)

    def _find(self, request: web.Request) -> Share:
        name = request.match_info["share"]
        if name not in self._cloud.shares:
            raise Refusal(404, "ShareNotFound", "The specified share does not exist.")
        return self._cloud.shares[name]


def _share_xml(share: Share) -> str:
    metadata = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in share.metadata.items())
    return (
        f"<Share><Name>{escape(share.name)}</Name><Properties><Last-Modified>{_CHANGED['Last-Modified']}"
        f"</Last-Modified><Etag>{escape(_CHANGED['ETag'])}</Etag><Quota>{share.quota_gb}</Quota></Properties>"
        f"<Metadata>{metadata}</Metadata></Share>"
    )
