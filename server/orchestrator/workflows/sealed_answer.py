"""The first answer to a submission, as it is kept for those who ask again: a secret path in it is encrypted."""

from cryptography.fernet import InvalidToken

from server.errors import Unavailable
from server.secret_box import SecretBox
from switchyard.orchestrator.v1.workflow_service_pb2 import SubmitWorkflowResponse


def sealed(response: SubmitWorkflowResponse, secret_box: SecretBox) -> SubmitWorkflowResponse:
    """Return `response` as it may be stored."""
    if not response.HasField("metadata"):
        return response
    stored = SubmitWorkflowResponse()
    stored.CopyFrom(response)
    stored.metadata.webhook_path = secret_box.encrypt(response.metadata.webhook_path).decode()
    return stored


def opened(stored: bytes, secret_box: SecretBox) -> SubmitWorkflowResponse:
    """Return the response that `stored` was serialized from, once `sealed`.

    Raises:
        Unavailable: the secret path cannot be decrypted.
    """
    response = SubmitWorkflowResponse.FromString(stored)
    if response.HasField("metadata"):
        try:
            response.metadata.webhook_path = secret_box.decrypt(response.metadata.webhook_path.encode())
        except InvalidToken as error:
            raise Unavailable(
                "The secret path cannot be decrypted; secret.key is not the one it was made with"
            ) from error
    return response
