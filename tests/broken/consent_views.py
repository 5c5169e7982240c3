"""Broken homes of the chapter consents.md: its records in profiles of ISO/IEC TS 27560."""

from __future__ import annotations

from typing import Any

from tests.broken.tools import around, mutant, result
from vrmproto import consent_views
from vrmproto.errors import ProtocolError
from vrmproto.server import routes
from vrmproto.server.http import json_answer
from vrmproto.server.routes import Routes


@mutant("VRM-CNS-015", also=("VRM-CNS-016",))
def consents_in_no_profile() -> None:
    """A profile that is asked for is passed over: the record is served as it is."""
    result(routes, "_chosen", lambda chosen: {**chosen, "profile": ""} if "profile" in chosen else chosen)


@mutant("VRM-CNS-015")
def views_of_a_consent_as_it_began() -> None:
    """A view tells nothing of what was said after the grant."""

    def wrong(right: Any, spec: Any, profile: str, record: Any) -> Any:
        return right(spec, profile, {**record, "messages": record["messages"][:2], "state": "granted"})

    around(consent_views, "view", wrong)


@mutant("VRM-CNS-015")
def views_without_what_was_refused() -> None:
    """A view tells only of the purposes that stand."""

    def wrong(right: Any, spec: Any, record: Any) -> Any:
        facts = right(spec, record)
        stands = [one for one in facts["processes"] if one["purpose"] in record["purposes"]]
        return {**facts, "processes": stands}

    around(consent_views, "_facts", wrong)


@mutant("VRM-CNS-015")
def one_profile_for_all() -> None:
    """Whichever profile is asked for, the record comes in the first."""

    def wrong(right: Any, spec: Any, profile: str, record: Any) -> Any:
        return right(spec, "dpv-27560", record)

    around(consent_views, "acceptable", wrong)


@mutant("VRM-CNS-016")
def views_of_whatever_there_is() -> None:
    """A view is served though it lacks what its profile asks for."""

    def wrong(right: Any, spec: Any, profile: str, record: Any) -> Any:
        if record.get("kind") != "consent":
            return right(spec, profile, record)
        return consent_views.view(spec, profile, record)

    around(consent_views, "acceptable", wrong)


@mutant("VRM-CNS-016")
def agreements_whatever_the_profile() -> None:
    """The record of an agreement is served as it is, whichever profile was asked for."""

    async def wrong(right: Any, self: Routes, request: Any) -> Any:
        try:
            return await right(self, request)
        except ProtocolError as error:
            if error.rule != "VRM-CNS-016":
                raise
            asked = await self._signed_read(request)
            id_ = request.match_info["id"]
            return json_answer(self.reader.record(asked.party, id_, self.now()))

    around(Routes, "record", wrong)
