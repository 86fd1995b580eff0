"""A question, answered: quick ones at once, others in a thread of few, all from one snapshot of the space."""

import asyncio
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import getrandbits
from typing import Any, Protocol

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shelfspace.errors import InputError
from shelfspace.service.photos import form_of
from shelfspace.service.questions import Question
from shelfspace.service.reading import json_of
from shelfspace.service.settings import Serving
from shelfspace.space import Space
from shelfspace.tasks import Answer
from shelfspace.tasks.results import Hits

THREADS = 4
"""So many long answers are made at once; others wait, and time out."""

QUICK = frozenset({"similar", "recommend"})
QUICK_K = 100
QUICK_SETTINGS = frozenset({"k", "seen", "where"})
"""An answer of one subject with no more than these takes less time than handing it to a thread."""

QUICK_HISTORY = 50
QUICK_FILTER = 500
"""Characters of a filter that is read in about a millisecond."""


class Living(Protocol):
    """The space as it follows the store; see `shelfspace.live.Live`."""

    version: int

    @property
    def space(self) -> Space:
        """What answers now."""
        ...

    @property
    def seq(self) -> int:
        """The last write that it knows."""
        ...

    def space_for(self, task: str) -> Space:
        """Return what answers a task now."""
        ...

    def knows(self, item_id: str) -> bool:
        """Return whether an item is in the catalogue, or was put into it just now."""
        ...

    def catch_up(self) -> None:
        """Take in what the store has and it has not."""
        ...


class Choosing(Protocol):
    """Two spaces, and which of them answers whom; see `shelfspace.service.variants.Variants`."""

    def of_question(
        self,
        subject: tuple[str, str | list[str] | None],
        given: Mapping[str, Any],
        *,
        session: str | None,
        list_id: str,
    ) -> tuple[str, Living]:
        """Return the name of the one that answers, and what it answers with."""
        ...


Watch = Callable[[str, Hits], None]
"""Told of each answer to one subject: the task's name and what was answered. Microseconds, on the event loop."""


class Asking:
    """What answers questions.

    Args:
        live: the space.
        settings: what a question may cost.
        variants: spaces to choose from, instead of the one.
        watch: what is told of answers.
    """

    def __init__(
        self,
        live: Living,
        settings: Serving,
        *,
        variants: Choosing | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.live, self.settings, self.variants, self.watch = live, settings, variants, watch
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="asking")

    def close(self) -> None:
        """Take no more questions."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def about_one(self, question: Question, request: Request) -> Response:
        """Answer `GET /TASK/SUBJECT`."""
        given = question.asked(request.scope["query_string"])
        subject = question.subject.name
        if subject in given:
            raise InputError(f"{subject} is given twice: in the path and in the query")
        named = request.path_params[subject]
        if not named:
            raise InputError(f"name the {subject} behind the last slash, or leave the slash out")
        return await self.answer(question, request, named, given)

    async def about_any(self, question: Question, request: Request) -> Response:
        """Answer `GET /TASK`, where the query may name the subject."""
        given = dict(question.asked(request.scope["query_string"]))
        return await self.answer(question, request, given.pop(question.subject.name, None), given)

    async def about_many(self, question: Question, request: Request) -> Response:
        """Answer `POST /TASK`."""
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if kind == "multipart/form-data" and question.takes_photo:
            reading = form_of(
                request, max_body=self.settings.max_body, max_photo_mb=self.settings.max_photo_mb
            )
            async with reading as (texts, photo):
                given = question.of_form(texts)
                subject = given.pop(question.subject.name, None)
                return await self.answer(question, request, subject, given, photo=photo)
        given = question.of_json(await json_of(request, self.settings.max_body))
        return await self.answer(question, request, given.pop(question.subject.name, None), given)

    async def answer(
        self,
        question: Question,
        request: Request,
        subject: str | list[str] | None,
        given: Mapping[str, Any],
        *,
        photo: Path | None = None,
    ) -> Response:
        """Answer a question that was read.

        Raises:
            HTTPException: it took too long.
        """
        if subject is None and question.subject.required:
            raise InputError(f"name the {question.subject.name}")
        list_id = f"{getrandbits(64):016x}"  # a name, not a secret
        headers, live = {"X-List-Id": list_id}, self.live
        if self.variants is not None:
            asked, session = (question.subject.name, subject), request.headers.get("x-session-id")
            name, live = self.variants.of_question(asked, given, session=session, list_id=list_id)
            headers["X-Variant"] = name
        live.catch_up()
        space, headers["X-Space-Version"] = live.space_for(question.name), str(live.version)
        more = {"photo": photo} if photo is not None else {}
        make = partial(_made, space, partial(question.ask, space, subject, **given, **more))
        quick = photo is None and _is_quick(question.name, subject, given)
        answer, content = make() if quick else await self._in_time(make)
        if self.watch is not None and isinstance(answer, Hits) and not isinstance(subject, list):
            self.watch(question.name, answer)
        return Response(content, headers=headers, media_type="application/json")

    async def _in_time(self, make: "partial[Made]") -> "Made":
        making = asyncio.get_running_loop().run_in_executor(self._threads, make)
        try:
            return await asyncio.wait_for(making, self.settings.timeout)
        except TimeoutError:
            limit = self.settings.timeout
            raise HTTPException(504, f"no answer within {limit:g} s; ask for less at once") from None


Made = tuple[Answer, bytes]


def _is_quick(name: str, subject: str | list[str] | None, given: Mapping[str, Any]) -> bool:
    if name not in QUICK or isinstance(subject, list) or given.get("k", 0) > QUICK_K:
        return False
    if len(given.get("where") or "") > QUICK_FILTER:
        return False
    settings = given.keys() - QUICK_SETTINGS
    return not settings or (settings == {"history"} and len(given["history"]) <= QUICK_HISTORY)


def _made(space: Space, ask: "partial[Answer]") -> Made:
    """Return an answer, and as JSON."""
    try:
        answer = ask()
        if isinstance(answer, Hits):
            return answer, orjson.dumps(answer.to_dict(), option=orjson.OPT_SERIALIZE_NUMPY)
        return answer, answer.to_json().encode()
    except RecursionError:
        raise InputError("the question is nested too deeply") from None
    except InputError as problem:
        if space.folder is not None:  # no path leaves the server
            named = rf"(?<![\w./-]){re.escape(str(space.folder))}(?![\w-])"
            problem.args = (re.sub(named, "RUN", str(problem)),)
        raise
