"""The one error that a client raises for what the service says, or does not say."""

from shelfspace.errors import JobError


class ClientError(JobError):
    """The service refused, failed, or could not be reached.

    status: the HTTP status, or None where no answer came;  code: the service's short name of what is wrong, or
    `unreachable`, `unreadable`;  request_id: what to look for in the service's logs.
    """

    def __init__(self, message: str, *, status: int | None, code: str, request_id: str) -> None:
        said = f"{status} {code}" if status is not None else code
        super().__init__(f"{message} ({said}, request {request_id})")
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id
