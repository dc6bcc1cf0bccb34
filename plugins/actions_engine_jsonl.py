"""JSON Lines: append calls to a file, one JSON object a line (https://jsonlines.org/)."""

import os
from pathlib import Path
from typing import IO, Annotated

from pydantic import AfterValidator, Field

from actions_engine import Batch, Destination, From, JsonObject, Payload, Request, Response, Settings, encode_json


class JsonlSettings(Settings):
    """Which file."""

    path: Annotated[
        Path,
        # Once, when the settings are read: a request must not depend on where the process is.
        AfterValidator(Path.absolute),
        Field(description="The file; made where it does not exist, appended to where it does."),
    ]


class Append(Payload):
    """One line."""

    record: Annotated[JsonObject, From("@", "The line's object: the whole event by default.")]


class FileTransport:
    """Appends the content of requests to a file."""

    def __init__(self, settings: JsonlSettings) -> None:
        self.path = settings.path
        self.file: IO[bytes] | None = None

    def open(self) -> None:
        """Open the file for appending; its folder must exist."""
        self.file = self.path.open("ab")
        if self.file.tell():
            with self.path.open("rb") as written:
                written.seek(-1, os.SEEK_END)
                # A line that a crash cut off must not swallow the next one.
                if written.read(1) != b"\n":
                    self.file.write(b"\n")

    def send(self, request: Request) -> Response:
        """Write the request's lines."""
        if self.file is None:
            raise ValueError("the transport is not open")
        self.file.write(request.body() or b"")
        return Response(200)

    def flush(self) -> None:
        """Force what was written to the disk."""
        if self.file is not None:
            self.file.flush()
            os.fsync(self.file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            self.file.close()
            self.file = None


jsonl = Destination("jsonl", settings=JsonlSettings, title="JSON Lines", transport=FileTransport)


@jsonl.action(trigger="type != null", batch=Batch(max_calls=1000, max_bytes=10_000_000))
def append(settings: JsonlSettings, payloads: list[Append]) -> Request:
    """Append records to the file."""
    lines = b"".join(encode_json(payload.record) + b"\n" for payload in payloads)
    return Request("APPEND", settings.path.as_uri(), content=lines)


jsonl.preset("Every event", action="append")
